#include <cstring>
#include <mutex>
#include <span>
#include <utility>

#include "core/log.h"
#include "faces/gallery.h"
#include "faces/gallery_matching.h"
#include "faces/table_gallery.h"
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
  INSERT INTO scrub VALUES(0);)",
                                       R"(
  CREATE TABLE pictures(
    face INTEGER PRIMARY KEY REFERENCES faces ON DELETE CASCADE,
    jpeg BLOB NOT NULL);)"};

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

class SqliteTable final : public GalleryTable {
 public:
  explicit SqliteTable(std::unique_ptr<Database> database)
      : database_(std::move(database)) {}

  Database& database() const { return *database_; }

  Result<std::int64_t> PersonCalled(std::string_view name) const override {
    return database_->QueryInt("SELECT id FROM people WHERE name = ?", {name});
  }

  Result<> ForEachName(
      const std::function<void(std::string_view)>& use) const override {
    return database_->Query("SELECT name FROM people", {},
                            [&](const SqlRow& row) -> Result<> {
                              use(row.Text(0));
                              return {};
                            });
  }

  Result<std::vector<PersonSummary>> Summaries(
      const Digest& model) const override {
    std::vector<PersonSummary> people;
    auto read = database_->Query(
        "SELECT p.name, count(*) FILTER (WHERE f.rejected = 0),"
        " count(*) FILTER (WHERE f.rejected = 0 AND f.model <> ?),"
        " count(*) FILTER (WHERE f.rejected = 1)"
        " FROM people p LEFT JOIN faces f ON f.person = p.id"
        " GROUP BY p.id ORDER BY p.name",
        {BytesOf(model)}, [&](const SqlRow& row) -> Result<> {
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

  Result<> FacesOfImage(const Digest& image,
                        const UseFace& use) const override {
    return Faces("f.image = ?", {BytesOf(image)}, use);
  }

  Result<> FacesOfPerson(std::int64_t person,
                         const UseFace& use) const override {
    return Faces("f.person = ? ORDER BY f.id", {person}, use);
  }

  Result<> AllFaces(const UseFace& use) const override {
    return Faces("1 ORDER BY f.id", {}, use);
  }

  Result<std::int64_t> PersonOfFace(std::int64_t face) const override {
    return database_->QueryInt(
        "SELECT person FROM faces WHERE id = ? AND rejected = 0", {face});
  }

  Result<std::size_t> DimensionOf(const Digest& model) const override {
    const auto bytes = database_->QueryInt(
        "SELECT length(descriptor) FROM faces"
        " WHERE model = ? AND length(descriptor) > 0 LIMIT 1",
        {BytesOf(model)});
    if (!bytes) return bytes.Failure();
    return static_cast<std::size_t>(*bytes) / sizeof(float);
  }

  Result<std::int64_t> AddPerson(const std::string& name) override {
    if (auto added = Done("INSERT INTO people(name) VALUES(?)",
                          {std::string_view(name)});
        !added) {
      return added.Failure();
    }
    return database_->last_insert_id();
  }

  Result<> RenamePerson(std::int64_t person, const std::string& name) override {
    return Done("UPDATE people SET name = ? WHERE id = ?",
                {std::string_view(name), person});
  }

  Result<> DeletePerson(std::int64_t person) override {
    return Delete("DELETE FROM people WHERE id = ?", person);
  }

  Result<> MoveFaces(std::int64_t from, std::int64_t to) override {
    return Done("UPDATE faces SET person = ? WHERE person = ?", {to, from});
  }

  Result<> MoveFace(std::int64_t face, std::int64_t to) override {
    return Done("UPDATE faces SET person = ? WHERE id = ?", {to, face});
  }

  Result<std::int64_t> AddFace(std::int64_t person,
                               const GalleryLine& line) override {
    auto added = Insert(person, line);
    if (!added) return added.Failure();
    const std::int64_t id = database_->last_insert_id();
    if (auto set = SetPicture(id, line.picture); !set) return set.Failure();
    return id;
  }

  Result<> Describe(std::int64_t id, const GalleryLine& line) override {
    auto done = Done(
        "UPDATE faces SET model = ?, descriptor = ?, x = ?, y = ?, width = ?,"
        " height = ?, size = ?, sharpness = ?, frontality = ?, overall = ?,"
        " created = ? WHERE id = ?",
        {BytesOf(line.model), std::as_bytes(std::span(line.descriptor)),
         double{line.box.x}, double{line.box.y}, double{line.box.width},
         double{line.box.height}, double{line.quality.size},
         double{line.quality.sharpness}, double{line.quality.frontality},
         double{line.quality.overall}, line.created, id});
    if (!done) return done;
    return SetPicture(id, line.picture);
  }

  // Of an empty one, nothing.
  Result<> SetPicture(std::int64_t face, const FacePicture& picture) override {
    if (picture.empty()) return {};
    return Done("INSERT OR REPLACE INTO pictures(face, jpeg) VALUES(?, ?)",
                {face, std::span(picture)});
  }

  Result<FacePicture> Picture(std::int64_t face) const {
    FacePicture picture;
    auto read = database_->Query("SELECT jpeg FROM pictures WHERE face = ?",
                                 {face}, [&](const SqlRow& row) -> Result<> {
                                   const auto bytes = row.Blob(0);
                                   picture.assign(bytes.begin(), bytes.end());
                                   return {};
                                 });
    if (!read) return read.Failure();
    return picture;
  }

  Result<> DeleteFace(std::int64_t face) override {
    return Delete("DELETE FROM faces WHERE id = ?", face);
  }

  // secure_delete zeroes deleted rows, but copies that SQLite made when it
  // moved rows between pages may be left: VACUUM writes every page anew.
  Result<> Scrub() {
    if (auto rewritten = Done("VACUUM", {}); !rewritten) return rewritten;
    if (auto emptied = database_->EmptyLog(); !emptied) return emptied;
    return Done("UPDATE scrub SET due = 0", {});
  }

 private:
  Result<> Done(std::string_view sql, std::initializer_list<SqlValue> values) {
    auto done = database_->Run(sql, values);
    if (!done) return done.Failure();
    return {};
  }

  Result<> Delete(std::string_view sql, std::int64_t id) {
    if (auto deleted = Done(sql, {id}); !deleted) return deleted;
    return Done("UPDATE scrub SET due = 1", {});
  }

  // Every row for which `condition` holds.
  Result<> Faces(const std::string& condition,
                 std::initializer_list<SqlValue> values,
                 const UseFace& use) const {
    return database_->Query(
        "SELECT f.id, f.person, p.name, f.rejected, f.model, f.image, f.x, f.y,"
        " f.width, f.height, f.descriptor, f.source, f.size, f.sharpness,"
        " f.frontality, f.overall, f.created,"
        " EXISTS(SELECT 1 FROM pictures WHERE face = f.id)"
        " FROM faces f JOIN people p ON p.id = f.person WHERE " +
            condition,
        values, [&](const SqlRow& row) {
          const auto real = [&](int column) {
            return static_cast<float>(row.Real(column));
          };
          FaceRow face{row.Int(0), row.Int(1), {}, row.Int(17) != 0};
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

  const std::unique_ptr<Database> database_;
};

class SqliteGallery final : public TableGallery {
 public:
  SqliteGallery(std::unique_ptr<Database> database, const Digest& model,
                const Clock& clock)
      : TableGallery(model, clock), table_(std::move(database)) {}

  // Overwrites what an earlier process removed but could not overwrite.
  void ScrubIfDue() {
    const std::lock_guard lock(mutex_);
    const auto due = table_.database().QueryInt("SELECT due FROM scrub");
    if (!due || *due == 0) return;
    if (auto done = table_.Scrub(); !done) {
      Log(LogLevel::kWarning, "removed faces are not overwritten yet",
          {{"reason", done.error().message}});
    }
  }

 private:
  Result<> Read(
      const std::function<Result<>(const GalleryTable&)>& read) const override {
    const std::lock_guard lock(mutex_);
    return read(table_);
  }

  Result<> Change(
      const std::function<Result<>(GalleryTable&)>& change) override {
    const std::lock_guard lock(mutex_);
    auto transaction = Transaction::Begin(table_.database());
    if (!transaction) return transaction.Failure();
    if (auto done = change(table_); !done) return done;
    known_.reset();
    return transaction->Commit();
  }

  Result<> Removed(const std::string& what) override {
    const std::lock_guard lock(mutex_);
    auto scrubbed = table_.Scrub();
    if (scrubbed) return scrubbed;
    return scrubbed.Failure(what +
                            ", but the bytes are overwritten only when the "
                            "gallery is opened next");
  }

  Result<FacePicture> ReadPicture(std::int64_t face) const override {
    const std::lock_guard lock(mutex_);
    return table_.Picture(face);
  }

  Result<std::shared_ptr<const KnownFaces>> Known() const override {
    const std::lock_guard lock(mutex_);
    // Changes when another connection writes.
    const auto version = table_.database().QueryInt("PRAGMA data_version");
    if (!version) return version.Failure();
    if (known_ && known_version_ == *version) return known_;
    auto known = KnownFacesOf(table_, model(), &warned_);
    if (!known) return known.Failure();
    known_ = std::move(*known);
    known_version_ = *version;
    return known_;
  }

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  SqliteTable table_;
  // The faces as of known_version_, shared with every identification under
  // way.
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
