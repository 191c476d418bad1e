#include "faces/gallery.h"

#include <cmath>
#include <cstring>
#include <istream>
#include <map>
#include <mutex>
#include <ostream>
#include <span>
#include <utility>

#include "core/log.h"
#include "faces/gallery_line.h"
#include "faces/gallery_matching.h"
#include "faces/gallery_name.h"
#include "sqlite/database.h"

namespace ocelli {
namespace {

// Ids are never used twice: one that somebody noted down means the same face
// or none. `scrub.due` is 1 from a removal until its bytes are overwritten.
constexpr const char* kMigrations[] = {R"(
  CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE faces(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    person INTEGER NOT NULL REFERENCES people ON DELETE CASCADE,
    rejected INTEGER NOT NULL,
    model BLOB NOT NULL,
    image BLOB NOT NULL,
    x REAL NOT NULL,
    y REAL NOT NULL,
    width REAL NOT NULL,
    height REAL NOT NULL,
    descriptor BLOB NOT NULL,
    source TEXT NOT NULL,
    size REAL NOT NULL,
    sharpness REAL NOT NULL,
    frontality REAL NOT NULL,
    overall REAL NOT NULL,
    created INTEGER NOT NULL);
  CREATE INDEX faces_by_person ON faces(person);
  CREATE INDEX faces_by_image ON faces(image);
  CREATE INDEX faces_by_model ON faces(model);
  CREATE TABLE scrub(due INTEGER NOT NULL);
  INSERT INTO scrub VALUES(0);)"};

constexpr std::size_t kMaxImportLines = 1'000'000;

std::span<const std::byte> BytesOf(const Digest& digest) {
  return std::as_bytes(std::span(digest.bytes));
}

Digest DigestFrom(std::span<const std::byte> blob) {
  Digest digest;
  if (blob.size() == digest.bytes.size()) {
    std::memcpy(digest.bytes.data(), blob.data(), blob.size());
  }
  return digest;
}

std::vector<float> FloatsFrom(std::span<const std::byte> blob) {
  std::vector<float> values(blob.size() / sizeof(float));
  if (!values.empty()) {
    std::memcpy(values.data(), blob.data(), values.size() * sizeof(float));
  }
  return values;
}

std::string Quoted(std::string_view name) {
  return "\"" + std::string(name) + "\"";
}

// A row of the table of faces.
struct FaceRow {
  std::int64_t id = 0;
  std::int64_t person = 0;
  GalleryLine line;
};

// Reads a line without its end; none at the end of the file.
Result<std::optional<std::string>> ReadLine(std::istream& in) {
  std::string line;
  for (int c = in.get(); c != std::istream::traits_type::eof(); c = in.get()) {
    if (c == '\n') return line;
    if (line.size() == kMaxGalleryLineBytes) {
      return Fail(
          ErrorCode::kInvalidArgument,
          "longer than " + std::to_string(kMaxGalleryLineBytes) + " bytes");
    }
    line += static_cast<char>(c);
  }
  if (in.bad()) return Fail(ErrorCode::kInternal, "can't be read");
  if (line.empty()) return std::nullopt;
  return line;
}

class SqliteGallery final : public Gallery {
 public:
  SqliteGallery(std::unique_ptr<Database> database, const Digest& model,
                const Clock& clock)
      : model_(model), clock_(clock), database_(std::move(database)) {}

  // Overwrites what an earlier process removed but could not overwrite.
  void ScrubIfDue() {
    const std::lock_guard lock(mutex_);
    const auto due = database_->QueryInt("SELECT due FROM scrub");
    if (!due || *due == 0) return;
    if (auto done = Scrub(); !done) {
      Log(LogLevel::kWarning, "removed faces are not overwritten yet",
          {{"reason", done.error().message}});
    }
  }

  Result<std::int64_t> Add(std::string_view name, const Face& face,
                           const Digest& image,
                           std::string_view source) override {
    if (auto valid = CheckPersonName(name); !valid) return valid.Failure();
    GalleryLine line = LineOf(name, face, image);
    line.source = source;
    if (!Normalize(line.descriptor)) {
      return Fail(ErrorCode::kInvalidArgument,
                  "a face without a usable descriptor");
    }
    std::int64_t id = 0;
    auto added = Change([&]() -> Result<> {
      if (auto hinted = HintAtSimilarName(name); !hinted) return hinted;
      auto stored = Store(line, /*overrule=*/true);
      if (!stored) return stored.Failure();
      id = stored->id;
      return {};
    });
    if (!added) return added.Failure();
    return id;
  }

  Result<> Reject(std::string_view name, const Face& face,
                  const Digest& image) override {
    GalleryLine line = LineOf(name, face, image);
    line.rejected = true;
    if (!Normalize(line.descriptor)) line.descriptor.clear();
    bool removed = false;
    auto rejected = Change([&]() -> Result<> {
      auto person = FindPerson(name);
      if (!person) return person.Failure();
      auto stored = Store(line, /*overrule=*/true);
      if (!stored) return stored.Failure();
      removed = stored->removed;
      return {};
    });
    if (!rejected || !removed) return rejected;
    return ScrubNow("the face is no longer enrolled");
  }

  Result<std::vector<PersonSummary>> People() const override {
    const std::lock_guard lock(mutex_);
    std::vector<PersonSummary> people;
    auto read = database_->Query(
        "SELECT p.name, count(*) FILTER (WHERE f.rejected = 0),"
        " count(*) FILTER (WHERE f.rejected = 0 AND f.model <> ?),"
        " count(*) FILTER (WHERE f.rejected = 1)"
        " FROM people p LEFT JOIN faces f ON f.person = p.id"
        " GROUP BY p.id ORDER BY p.name",
        {BytesOf(model_)}, [&](const SqlRow& row) -> Result<> {
          const auto count = [&](int column) {
            return static_cast<std::uint64_t>(row.Int(column));
          };
          people.push_back(
              {std::string(row.Text(0)), count(1), count(2), count(3)});
          return {};
        });
    if (!read) return read.Failure();
    return people;
  }

  Result<std::vector<EnrolledFace>> FacesOf(
      std::string_view name) const override {
    const std::lock_guard lock(mutex_);
    auto person = FindPerson(name);
    if (!person) return person.Failure();
    std::vector<EnrolledFace> faces;
    auto read =
        Faces("f.person = ? AND f.rejected = 0 ORDER BY f.id", {*person},
              [&](const FaceRow& row) -> Result<> {
                const GalleryLine& line = row.line;
                faces.push_back({row.id, line.image, line.box, line.source,
                                 line.quality,
                                 std::chrono::system_clock::time_point(
                                     std::chrono::seconds(line.created)),
                                 line.model == model_});
                return {};
              });
    if (!read) return read.Failure();
    return faces;
  }

  Result<> Rename(std::string_view from, std::string_view to) override {
    if (auto valid = CheckPersonName(to); !valid) return valid;
    return Change([&]() -> Result<> {
      auto person = FindPerson(from);
      if (!person) return person.Failure();
      if (from == to) return {};
      if (auto other = FindPerson(to);
          other || other.error().code != ErrorCode::kNotFound) {
        if (!other) return other.Failure();
        return Fail(ErrorCode::kAlreadyExists,
                    "there is a person called " + Quoted(to) +
                        " already; merging joins the two");
      }
      return Done("UPDATE people SET name = ? WHERE id = ?", {to, *person});
    });
  }

  Result<> Merge(std::string_view from, std::string_view into) override {
    return Change([&]() -> Result<> {
      auto source = FindPerson(from);
      if (!source) return source.Failure();
      auto target = FindPerson(into);
      if (!target) return target.Failure();
      if (*source == *target) {
        return Fail(ErrorCode::kInvalidArgument,
                    Quoted(into) + " can't be merged into itself");
      }
      if (auto moved = Done("UPDATE faces SET person = ? WHERE person = ?",
                            {*target, *source});
          !moved) {
        return moved;
      }
      if (auto gone = Done("DELETE FROM people WHERE id = ?", {*source});
          !gone) {
        return gone;
      }
      return EndContradictions(*target);
    });
  }

  Result<> Remove(std::string_view name) override {
    auto removed = Change([&]() -> Result<> {
      auto person = FindPerson(name);
      if (!person) return person.Failure();
      return DeletePerson(*person);
    });
    if (!removed) return removed;
    return ScrubNow(Quoted(name) + " is removed");
  }

  Result<> RemoveFace(std::int64_t face_id) override {
    auto removed = Change([&]() -> Result<> {
      auto person = database_->QueryInt(
          "SELECT person FROM faces WHERE id = ? AND rejected = 0", {face_id});
      if (!person) return person.Failure();
      if (*person == 0) {
        return Fail(ErrorCode::kNotFound, "no face " + std::to_string(face_id));
      }
      if (auto deleted = DeleteFace(face_id); !deleted) return deleted;
      auto left = database_->QueryInt(
          "SELECT count(*) FROM faces WHERE person = ?", {*person});
      if (!left) return left.Failure();
      return *left > 0 ? Result<>() : DeletePerson(*person);
    });
    if (!removed) return removed;
    return ScrubNow("the face is removed");
  }

  Result<std::vector<std::optional<Identity>>> Identify(
      const std::vector<Face>& faces, const Digest& image,
      const IdentifyOptions& options) const override {
    auto known = Known();
    if (!known) return known.Failure();
    return IdentifyAmong(**known, faces, image, options);
  }

  Result<> Export(std::ostream& out) const override {
    const std::lock_guard lock(mutex_);
    auto written =
        Faces("1 ORDER BY f.id", {}, [&](const FaceRow& row) -> Result<> {
          out << FormatGalleryLine(row.line) << '\n';
          return CheckWritten(out);
        });
    if (!written) return written;
    out.flush();
    return CheckWritten(out);
  }

  Result<std::uint64_t> Import(std::istream& in) override {
    std::vector<std::pair<std::size_t, GalleryLine>> lines;
    for (std::size_t number = 1;; ++number) {
      const std::string doing = "line " + std::to_string(number);
      auto text = ReadLine(in);
      if (!text) return text.Failure(doing);
      if (!*text) break;
      if ((*text)->find_first_not_of(" \t\r") == std::string::npos) continue;
      auto line = ParseGalleryLine(**text);
      if (!line) return line.Failure(doing);
      if (lines.size() == kMaxImportLines) {
        return Fail(ErrorCode::kResourceExhausted,
                    "more than " + std::to_string(kMaxImportLines) + " lines");
      }
      lines.emplace_back(number, std::move(*line));
    }
    std::uint64_t added = 0;
    auto imported = Change([&]() -> Result<> {
      for (const auto& [number, line] : lines) {
        auto stored = Store(line, /*overrule=*/false);
        if (!stored) return stored.Failure("line " + std::to_string(number));
        added += stored->added && !line.rejected;
      }
      return {};
    });
    if (!imported) return imported.Failure();
    return added;
  }

 private:
  struct Stored {
    std::int64_t id = 0;
    bool added = false;
    bool removed = false;  // A row that said the contrary.
  };

  static Result<> CheckWritten(const std::ostream& out) {
    if (out) return {};
    return Fail(ErrorCode::kResourceExhausted,
                "the export can't be written: is the disk full?");
  }

  GalleryLine LineOf(std::string_view name, const Face& face,
                     const Digest& image) const {
    GalleryLine line;
    line.person = name;
    line.model = model_;
    line.image = image;
    line.box = face.box;
    line.descriptor = face.descriptor;
    line.quality = face.quality;
    line.created = std::chrono::duration_cast<std::chrono::seconds>(
                       clock_.WallTime().time_since_epoch())
                       .count();
    return line;
  }

  // All of `change` or nothing.
  Result<> Change(const std::function<Result<>()>& change) {
    const std::lock_guard lock(mutex_);
    auto transaction = Transaction::Begin(*database_);
    if (!transaction) return transaction.Failure();
    if (auto done = change(); !done) return done;
    known_.reset();
    return transaction->Commit();
  }

  // What follows needs mutex_.

  Result<> Done(std::string_view sql, std::initializer_list<SqlValue> values) {
    auto done = database_->Run(sql, values);
    if (!done) return done.Failure();
    return {};
  }

  // Every row for which `condition` holds.
  Result<> Faces(const std::string& condition,
                 std::initializer_list<SqlValue> values,
                 const std::function<Result<>(const FaceRow&)>& use) const {
    return database_->Query(
        "SELECT f.id, f.person, p.name, f.rejected, f.model, f.image, f.x, f.y,"
        " f.width, f.height, f.descriptor, f.source, f.size, f.sharpness,"
        " f.frontality, f.overall, f.created"
        " FROM faces f JOIN people p ON p.id = f.person WHERE " +
            condition,
        values, [&](const SqlRow& row) {
          const auto real = [&](int column) {
            return static_cast<float>(row.Real(column));
          };
          FaceRow face{row.Int(0), row.Int(1), {}};
          GalleryLine& line = face.line;
          line.person = row.Text(2);
          line.rejected = row.Int(3) != 0;
          line.model = DigestFrom(row.Blob(4));
          line.image = DigestFrom(row.Blob(5));
          line.box = {real(6), real(7), real(8), real(9)};
          line.descriptor = FloatsFrom(row.Blob(10));
          line.source = row.Text(11);
          line.quality = {real(12), real(13), real(14), real(15)};
          line.created = row.Int(16);
          return use(face);
        });
  }

  // Another name that differs from `name` in nothing but case.
  Result<std::optional<std::string>> SimilarName(std::string_view name) const {
    const std::string folded = FoldCase(name);
    std::optional<std::string> similar;
    auto read = database_->Query(
        "SELECT name FROM people", {}, [&](const SqlRow& row) -> Result<> {
          if (row.Text(0) != name && FoldCase(row.Text(0)) == folded) {
            similar = row.Text(0);
          }
          return {};
        });
    if (!read) return read.Failure();
    return similar;
  }

  Result<std::int64_t> FindPerson(std::string_view name) const {
    auto id =
        database_->QueryInt("SELECT id FROM people WHERE name = ?", {name});
    if (!id || *id != 0) return id;
    auto similar = SimilarName(name);
    if (!similar) return similar.Failure();
    return Fail(ErrorCode::kNotFound,
                "nobody is called " + Quoted(name) +
                    (*similar ? "; did you mean " + Quoted(**similar) + "?"
                              : std::string()));
  }

  // Says so when a person new to the gallery nearly has another one's name.
  Result<> HintAtSimilarName(std::string_view name) const {
    auto known = database_->QueryInt(
        "SELECT count(*) FROM people WHERE name = ?", {name});
    if (!known) return known.Failure();
    if (*known > 0) return {};
    auto similar = SimilarName(name);
    if (!similar) return similar.Failure();
    if (*similar) {
      Log(LogLevel::kWarning, "two names differ only in case",
          {{"new", name}, {"known", **similar}});
    }
    return {};
  }

  Result<std::int64_t> FindOrAddPerson(const std::string& name) {
    auto id = database_->QueryInt("SELECT id FROM people WHERE name = ?",
                                  {std::string_view(name)});
    if (!id || *id != 0) return id;
    if (auto added = Done("INSERT INTO people(name) VALUES(?)",
                          {std::string_view(name)});
        !added) {
      return added.Failure();
    }
    return database_->last_insert_id();
  }

  Result<> CheckDimension(const GalleryLine& line) const {
    if (line.descriptor.empty()) return {};
    auto bytes = database_->QueryInt(
        "SELECT length(descriptor) FROM faces"
        " WHERE model = ? AND length(descriptor) > 0 LIMIT 1",
        {BytesOf(line.model)});
    if (!bytes) return bytes.Failure();
    const auto known = static_cast<std::size_t>(*bytes) / sizeof(float);
    if (known == 0 || known == line.descriptor.size()) return {};
    return Fail(ErrorCode::kInvalidArgument,
                "descriptor has " + std::to_string(line.descriptor.size()) +
                    " values, those of its model have " +
                    std::to_string(known));
  }

  // Adds the line, or finds it there already. `overrule`: what contradicts it
  // goes; otherwise what contradicts it stays and the line is left out.
  Result<Stored> Store(const GalleryLine& line, bool overrule) {
    if (auto checked = CheckDimension(line); !checked) {
      return checked.Failure();
    }
    auto person = FindOrAddPerson(line.person);
    if (!person) return person.Failure();
    std::optional<FaceRow> same, contrary;
    auto read = Faces(
        "f.image = ?", {BytesOf(line.image)},
        [&](const FaceRow& row) -> Result<> {
          if (!SameFace(row.line.box, line.box)) return {};
          if (row.person == *person) {
            (row.line.rejected == line.rejected ? same : contrary) = row;
          } else if (!line.rejected && !row.line.rejected) {
            return Fail(ErrorCode::kAlreadyExists,
                        "this face is enrolled as " + Quoted(row.line.person) +
                            " (face " + std::to_string(row.id) + ")");
          }
          return {};
        });
    if (!read) return read.Failure();

    Stored stored;
    if (contrary) {
      if (!overrule) return stored;
      if (auto deleted = DeleteFace(contrary->id); !deleted) {
        return deleted.Failure();
      }
      stored.removed = true;
    }
    if (same && (same->line.model == line.model || line.model != model_)) {
      stored.id = same->id;
      return stored;
    }
    auto written = same ? Describe(same->id, line) : Insert(*person, line);
    if (!written) return written.Failure();
    stored.id = same ? same->id : database_->last_insert_id();
    stored.added = !same;
    return stored;
  }

  Result<> Insert(std::int64_t person, const GalleryLine& line) {
    return Done(
        "INSERT INTO faces(person, rejected, model, image, x, y, width, height,"
        " descriptor, source, size, sharpness, frontality, overall, created)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        {person, std::int64_t{line.rejected}, BytesOf(line.model),
         BytesOf(line.image), double{line.box.x}, double{line.box.y},
         double{line.box.width}, double{line.box.height},
         std::as_bytes(std::span(line.descriptor)),
         std::string_view(line.source), double{line.quality.size},
         double{line.quality.sharpness}, double{line.quality.frontality},
         double{line.quality.overall}, line.created});
  }

  Result<> Describe(std::int64_t id, const GalleryLine& line) {
    return Done(
        "UPDATE faces SET model = ?, descriptor = ?, x = ?, y = ?, width = ?,"
        " height = ?, size = ?, sharpness = ?, frontality = ?, overall = ?,"
        " created = ? WHERE id = ?",
        {BytesOf(line.model), std::as_bytes(std::span(line.descriptor)),
         double{line.box.x}, double{line.box.y}, double{line.box.width},
         double{line.box.height}, double{line.quality.size},
         double{line.quality.sharpness}, double{line.quality.frontality},
         double{line.quality.overall}, line.created, id});
  }

  Result<> EndContradictions(std::int64_t person) {
    std::vector<std::int64_t> ended;
    auto read = database_->Query(
        "SELECT r.id, r.x, r.y, r.width, r.height, e.x, e.y, e.width, e.height"
        " FROM faces r JOIN faces e ON e.image = r.image"
        " WHERE r.person = ? AND r.rejected = 1"
        " AND e.person = r.person AND e.rejected = 0",
        {person}, [&](const SqlRow& row) -> Result<> {
          const auto box = [&](int column) {
            return RectF{static_cast<float>(row.Real(column)),
                         static_cast<float>(row.Real(column + 1)),
                         static_cast<float>(row.Real(column + 2)),
                         static_cast<float>(row.Real(column + 3))};
          };
          if (SameFace(box(1), box(5))) ended.push_back(row.Int(0));
          return {};
        });
    if (!read) return read;
    for (const std::int64_t id : ended) {
      if (auto deleted = DeleteFace(id); !deleted) return deleted;
    }
    return {};
  }

  Result<> DeleteFace(std::int64_t id) {
    if (auto deleted = Done("DELETE FROM faces WHERE id = ?", {id}); !deleted) {
      return deleted;
    }
    return Done("UPDATE scrub SET due = 1", {});
  }

  Result<> DeletePerson(std::int64_t id) {
    if (auto deleted = Done("DELETE FROM people WHERE id = ?", {id});
        !deleted) {
      return deleted;
    }
    return Done("UPDATE scrub SET due = 1", {});
  }

  // secure_delete zeroes deleted rows, but copies that SQLite made when it
  // moved rows between pages may be left: VACUUM writes every page anew.
  Result<> Scrub() {
    if (auto rewritten = Done("VACUUM", {}); !rewritten) return rewritten;
    if (auto emptied = database_->EmptyLog(); !emptied) return emptied;
    return Done("UPDATE scrub SET due = 0", {});
  }

  // Takes mutex_ itself.
  Result<> ScrubNow(const std::string& done) {
    const std::lock_guard lock(mutex_);
    auto scrubbed = Scrub();
    if (scrubbed) return scrubbed;
    return scrubbed.Failure(done +
                            ", but the bytes are overwritten only when the "
                            "gallery is opened next");
  }

  // Takes mutex_ itself. The faces as of now, shared with every
  // identification under way.
  Result<std::shared_ptr<const KnownFaces>> Known() const {
    const std::lock_guard lock(mutex_);
    // Changes when another connection writes.
    auto version = database_->QueryInt("PRAGMA data_version");
    if (!version) return version.Failure();
    if (known_ && known_version_ == *version) return known_;

    auto known = std::make_shared<KnownFaces>();
    std::map<std::int64_t, std::uint32_t> index_of;
    std::int64_t other_model = 0, damaged = 0;
    auto read = Faces("1", {}, [&](const FaceRow& row) -> Result<> {
      const GalleryLine& line = row.line;
      const bool comparable = line.model == model_ && !line.descriptor.empty();
      if (!line.rejected && !comparable) {
        ++other_model;
        return {};
      }
      auto descriptor = line.descriptor;
      if (comparable) {
        if (known->dimension == 0) known->dimension = descriptor.size();
        if (descriptor.size() != known->dimension || !Normalize(descriptor)) {
          ++damaged;
          return {};
        }
      } else {
        descriptor.clear();
      }
      const auto [place, is_new] = index_of.try_emplace(
          row.person, static_cast<std::uint32_t>(known->names.size()));
      if (is_new) known->names.push_back(line.person);
      if (line.rejected) {
        known->rejections.push_back(
            {place->second, line.image, line.box, std::move(descriptor)});
      } else {
        known->people.push_back(place->second);
        known->descriptors.insert(known->descriptors.end(), descriptor.begin(),
                                  descriptor.end());
      }
      return {};
    });
    if (!read) return read.Failure();
    if (other_model + damaged > 0 && !std::exchange(warned_, true)) {
      Log(LogLevel::kWarning,
          "some enrolled faces can't be compared: enrol them again",
          {{"of_another_model", other_model}, {"damaged", damaged}});
    }
    AddAverages(*known);
    known_ = std::move(known);
    known_version_ = *version;
    return known_;
  }

  const Digest model_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  const std::unique_ptr<Database> database_;
  mutable std::shared_ptr<const KnownFaces> known_;
  mutable std::int64_t known_version_ = 0;
  mutable bool warned_ = false;
};

}  // namespace

Result<std::unique_ptr<Gallery>> Gallery::Open(
    const std::filesystem::path& file, const Digest& model, const Clock& clock,
    std::chrono::milliseconds patience) {
  DatabaseOptions options;
  options.application_id = 0x4f634761;  // "OcGa".
  options.migrations = kMigrations;
  options.secure_delete = true;
  options.busy_timeout = patience;
  auto database = Database::Open(file, options);
  if (!database) return database.Failure();
  auto gallery =
      std::make_unique<SqliteGallery>(std::move(*database), model, clock);
  gallery->ScrubIfDue();
  return gallery;
}

}  // namespace ocelli
