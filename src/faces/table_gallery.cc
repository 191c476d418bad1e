#include "faces/table_gallery.h"

#include <istream>
#include <ostream>
#include <utility>

#include "core/log.h"
#include "faces/gallery_name.h"
#include "faces/gallery_rules.h"

namespace ocelli {
namespace {

constexpr std::size_t kMaxImportLines = 1'000'000;

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

Result<std::vector<NumberedLine>> ReadLines(std::istream& in) {
  std::vector<NumberedLine> lines;
  for (std::size_t number = 1;; ++number) {
    const std::string doing = "line " + std::to_string(number);
    auto text = ReadLine(in);
    if (!text) return text.Failure(doing);
    if (!*text) return lines;
    if ((*text)->find_first_not_of(" \t\r") == std::string::npos) continue;
    auto line = ParseGalleryLine(**text);
    if (!line) return line.Failure(doing);
    if (lines.size() == kMaxImportLines) {
      return Fail(ErrorCode::kResourceExhausted,
                  "more than " + std::to_string(kMaxImportLines) + " lines");
    }
    lines.emplace_back(number, std::move(*line));
  }
}

Result<> CheckWritten(const std::ostream& out) {
  if (out) return {};
  return Fail(ErrorCode::kResourceExhausted,
              "the export can't be written: is the disk full?");
}

void WarnOfNearName(std::string_view name, const StoredFace& stored) {
  if (stored.near_name.empty()) return;
  Log(LogLevel::kWarning, "two names differ only in case",
      {{"new", name}, {"known", stored.near_name}});
}

}  // namespace

GalleryLine TableGallery::LineOf(std::string_view name, const Face& face,
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

Result<std::int64_t> TableGallery::Add(std::string_view name, const Face& face,
                                       const Digest& image,
                                       std::string_view source,
                                       const FacePicture& picture) {
  if (auto valid = CheckPersonName(name); !valid) return valid.Failure();
  if (!picture.empty()) {
    if (auto valid = CheckFacePicture(picture); !valid) return valid.Failure();
  }
  GalleryLine line = LineOf(name, face, image);
  line.source = source;
  line.picture = picture;
  if (!Normalize(line.descriptor)) {
    return Fail(ErrorCode::kInvalidArgument,
                "a face without a usable descriptor");
  }
  StoredFace stored;
  auto added = Change([&](GalleryTable& table) -> Result<> {
    auto done = EnrolFace(table, line, model_);
    if (!done) return done.Failure();
    stored = std::move(*done);
    return {};
  });
  if (!added) return added.Failure();
  WarnOfNearName(name, stored);
  return stored.id;
}

Result<> TableGallery::Reject(std::string_view name, const Face& face,
                              const Digest& image) {
  GalleryLine line = LineOf(name, face, image);
  line.rejected = true;
  if (!Normalize(line.descriptor)) line.descriptor.clear();
  bool removed = false;
  auto rejected = Change([&](GalleryTable& table) -> Result<> {
    const auto stored = ocelli::RejectFace(table, line, model_);
    if (!stored) return stored.Failure();
    removed = stored->removed;
    return {};
  });
  if (!rejected || !removed) return rejected;
  return Removed("the face is no longer enrolled");
}

Result<> TableGallery::RejectFace(std::int64_t face_id) {
  auto rejected = Change([&](GalleryTable& table) -> Result<> {
    const auto stored = RejectEnrolled(table, face_id, model_);
    if (!stored) return stored.Failure();
    return {};
  });
  if (!rejected) return rejected;
  return Removed("the face is no longer enrolled");
}

Result<std::vector<PersonSummary>> TableGallery::People() const {
  std::vector<PersonSummary> people;
  auto read = Read([&](const GalleryTable& table) -> Result<> {
    auto all = table.Summaries(model_);
    if (!all) return all.Failure();
    people = std::move(*all);
    return {};
  });
  if (!read) return read.Failure();
  return people;
}

Result<std::vector<EnrolledFace>> TableGallery::FacesOf(
    std::string_view name) const {
  std::vector<EnrolledFace> faces;
  auto read = Read([&](const GalleryTable& table) -> Result<> {
    auto theirs = EnrolledFaces(table, name, model_);
    if (!theirs) return theirs.Failure();
    faces = std::move(*theirs);
    return {};
  });
  if (!read) return read.Failure();
  return faces;
}

Result<> TableGallery::Rename(std::string_view from, std::string_view to) {
  if (auto valid = CheckPersonName(to); !valid) return valid;
  return Change(
      [&](GalleryTable& table) { return RenamePerson(table, from, to); });
}

Result<> TableGallery::Merge(std::string_view from, std::string_view into) {
  return Change(
      [&](GalleryTable& table) { return MergePeople(table, from, into); });
}

Result<FacePicture> TableGallery::PictureOf(std::int64_t face_id) const {
  auto picture = ReadPicture(face_id);
  if (!picture) return picture.Failure();
  if (picture->empty()) {
    return Fail(ErrorCode::kNotFound,
                "no picture of face " + std::to_string(face_id));
  }
  if (auto valid = CheckFacePicture(*picture); !valid) {
    return Fail(ErrorCode::kDataLoss, "face " + std::to_string(face_id) + ": " +
                                          valid.error().message);
  }
  return picture;
}

Result<> TableGallery::Move(std::int64_t face_id, std::string_view to) {
  if (auto valid = CheckPersonName(to); !valid) return valid;
  StoredFace stored;
  auto moved = Change([&](GalleryTable& table) -> Result<> {
    auto done = MoveFace(table, face_id, std::string(to));
    if (!done) return done.Failure();
    stored = std::move(*done);
    return {};
  });
  if (!moved) return moved;
  WarnOfNearName(to, stored);
  return {};
}

Result<> TableGallery::Remove(std::string_view name) {
  auto removed =
      Change([&](GalleryTable& table) { return RemovePerson(table, name); });
  if (!removed) return removed;
  return Removed("\"" + std::string(name) + "\" is removed");
}

Result<> TableGallery::RemoveFace(std::int64_t face_id) {
  auto removed = Change(
      [&](GalleryTable& table) { return ocelli::RemoveFace(table, face_id); });
  if (!removed) return removed;
  return Removed("the face is removed");
}

Result<std::vector<std::optional<Identity>>> TableGallery::Identify(
    const std::vector<Face>& faces, const Digest& image,
    const IdentifyOptions& options) const {
  const auto known = Known();
  if (!known) return known.Failure();
  return IdentifyAmong(**known, faces, image, options);
}

Result<> TableGallery::Export(std::ostream& out) const {
  std::vector<FaceRow> rows;
  auto read = Read([&](const GalleryTable& table) {
    return table.AllFaces([&](const FaceRow& row) -> Result<> {
      rows.push_back(row);
      return {};
    });
  });
  if (!read) return read;
  // One picture at a time: together they may be more than memory is for.
  for (FaceRow& row : rows) {
    if (row.has_picture) {
      auto picture = PictureOf(row.id);
      if (picture) {
        row.line.picture = std::move(*picture);
      } else if (picture.error().code != ErrorCode::kNotFound) {
        return picture.Failure();
      }
    }
    out << FormatGalleryLine(row.line) << '\n';
    if (auto written = CheckWritten(out); !written) return written;
    row = {};
  }
  out.flush();
  return CheckWritten(out);
}

Result<std::uint64_t> TableGallery::Import(std::istream& in) {
  const auto lines = ReadLines(in);
  if (!lines) return lines.Failure();
  std::uint64_t added = 0;
  auto imported = Change([&](GalleryTable& table) -> Result<> {
    const auto done = ImportFaces(table, *lines, model_);
    if (!done) return done.Failure();
    added = *done;
    return {};
  });
  if (!imported) return imported.Failure();
  return added;
}

}  // namespace ocelli
