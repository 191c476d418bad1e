#include "faces/gallery_rules.h"

#include "faces/gallery_matching.h"
#include "faces/gallery_name.h"

namespace ocelli {
namespace {

std::string Quoted(std::string_view name) {
  return "\"" + std::string(name) + "\"";
}

// Another name that differs from `name` in nothing but case; or empty.
Result<std::string> SimilarName(const GalleryTable& table,
                                std::string_view name) {
  const std::string folded = FoldCase(name);
  std::string similar;
  auto read = table.ForEachName([&](std::string_view other) {
    if (other != name && FoldCase(other) == folded) similar = other;
  });
  if (!read) return read.Failure();
  return similar;
}

Result<std::int64_t> FindPerson(const GalleryTable& table,
                                std::string_view name) {
  auto id = table.PersonCalled(name);
  if (!id || *id != 0) return id;
  const auto similar = SimilarName(table, name);
  if (!similar) return similar.Failure();
  return Fail(
      ErrorCode::kNotFound,
      "nobody is called " + Quoted(name) +
          (similar->empty() ? "" : "; did you mean " + Quoted(*similar) + "?"));
}

Result<> CheckDimension(const GalleryTable& table, const GalleryLine& line) {
  if (line.descriptor.empty()) return {};
  const auto known = table.DimensionOf(line.model);
  if (!known) return known.Failure();
  if (*known == 0 || *known == line.descriptor.size()) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "descriptor has " + std::to_string(line.descriptor.size()) +
                  " values, those of its model have " + std::to_string(*known));
}

// Adds the line, or finds it there already. `overrule`: what contradicts it
// goes; otherwise what contradicts it stays and the line is left out.
Result<StoredFace> Store(GalleryTable& table, const GalleryLine& line,
                         const Digest& model, bool overrule) {
  if (auto checked = CheckDimension(table, line); !checked) {
    return checked.Failure();
  }
  auto person = table.PersonCalled(line.person);
  if (person && *person == 0) person = table.AddPerson(line.person);
  if (!person) return person.Failure();
  struct Found {
    std::int64_t id = 0;
    Digest model;
    bool has_picture = false;
  };
  Found same, contrary;
  auto read =
      table.FacesOfImage(line.image, [&](const FaceRow& row) -> Result<> {
        if (!SameFace(row.line.box, line.box)) return {};
        if (row.person == *person) {
          (row.line.rejected == line.rejected ? same : contrary) = {
              row.id, row.line.model, row.has_picture};
        } else if (!line.rejected && !row.line.rejected) {
          return Fail(ErrorCode::kAlreadyExists,
                      "this face is enrolled as " + Quoted(row.line.person) +
                          " (face " + std::to_string(row.id) + ")");
        }
        return {};
      });
  if (!read) return read.Failure();

  StoredFace stored;
  if (contrary.id != 0) {
    if (!overrule) return stored;
    if (auto deleted = table.DeleteFace(contrary.id); !deleted) {
      return deleted.Failure();
    }
    stored.removed = true;
  }
  if (same.id == 0) {
    const auto added = table.AddFace(*person, line);
    if (!added) return added.Failure();
    stored.id = *added;
    stored.added = true;
    return stored;
  }
  stored.id = same.id;
  if (same.model != line.model && line.model == model) {
    if (auto described = table.Describe(same.id, line); !described) {
      return described.Failure();
    }
  } else if (!same.has_picture && !line.picture.empty()) {
    if (auto set = table.SetPicture(same.id, line.picture); !set) {
      return set.Failure();
    }
  }
  return stored;
}

// Ends rejections of faces that the person is enrolled with.
Result<> EndContradictions(GalleryTable& table, std::int64_t person) {
  struct Place {
    std::int64_t id;
    Digest image;
    RectF box;
  };
  std::vector<Place> enrolled, rejected;
  auto read = table.FacesOfPerson(person, [&](const FaceRow& row) -> Result<> {
    (row.line.rejected ? rejected : enrolled)
        .push_back({row.id, row.line.image, row.line.box});
    return {};
  });
  if (!read) return read;
  for (const Place& no : rejected) {
    for (const Place& yes : enrolled) {
      if (yes.image != no.image || !SameFace(yes.box, no.box)) continue;
      if (auto deleted = table.DeleteFace(no.id); !deleted) return deleted;
      break;
    }
  }
  return {};
}

Result<std::int64_t> PersonOf(const GalleryTable& table, std::int64_t face) {
  auto person = table.PersonOfFace(face);
  if (!person || *person != 0) return person;
  return Fail(ErrorCode::kNotFound, "no face " + std::to_string(face));
}

// Removes a person of whom nothing is left.
Result<> RemoveIfEmpty(GalleryTable& table, std::int64_t person) {
  bool left = false;
  auto read = table.FacesOfPerson(person, [&](const FaceRow&) -> Result<> {
    left = true;
    return {};
  });
  if (!read || left) return read;
  return table.DeletePerson(person);
}

// SimilarName() where nobody is called `name` yet; or empty.
Result<std::string> NearNameOfNew(const GalleryTable& table,
                                  std::string_view name) {
  const auto known = table.PersonCalled(name);
  if (!known) return known.Failure();
  if (*known != 0) return std::string();
  return SimilarName(table, name);
}

}  // namespace

Result<StoredFace> EnrolFace(GalleryTable& table, const GalleryLine& line,
                             const Digest& model) {
  auto near_name = NearNameOfNew(table, line.person);
  if (!near_name) return near_name.Failure();
  auto stored = Store(table, line, model, /*overrule=*/true);
  if (stored) stored->near_name = std::move(*near_name);
  return stored;
}

Result<StoredFace> RejectFace(GalleryTable& table, const GalleryLine& line,
                              const Digest& model) {
  if (auto person = FindPerson(table, line.person); !person) {
    return person.Failure();
  }
  return Store(table, line, model, /*overrule=*/true);
}

Result<> RenamePerson(GalleryTable& table, std::string_view from,
                      std::string_view to) {
  const auto person = FindPerson(table, from);
  if (!person) return person.Failure();
  if (from == to) return {};
  const auto other = table.PersonCalled(to);
  if (!other) return other.Failure();
  if (*other != 0) {
    return Fail(ErrorCode::kAlreadyExists,
                "there is a person called " + Quoted(to) +
                    " already; merging joins the two");
  }
  return table.RenamePerson(*person, std::string(to));
}

Result<> MergePeople(GalleryTable& table, std::string_view from,
                     std::string_view into) {
  const auto source = FindPerson(table, from);
  if (!source) return source.Failure();
  const auto target = FindPerson(table, into);
  if (!target) return target.Failure();
  if (*source == *target) {
    return Fail(ErrorCode::kInvalidArgument,
                Quoted(into) + " can't be merged into itself");
  }
  if (auto moved = table.MoveFaces(*source, *target); !moved) return moved;
  if (auto gone = table.DeletePerson(*source); !gone) return gone;
  return EndContradictions(table, *target);
}

Result<> RemovePerson(GalleryTable& table, std::string_view name) {
  const auto person = FindPerson(table, name);
  if (!person) return person.Failure();
  return table.DeletePerson(*person);
}

Result<StoredFace> RejectEnrolled(GalleryTable& table, std::int64_t face,
                                  const Digest& model) {
  const auto person = PersonOf(table, face);
  if (!person) return person.Failure();
  GalleryLine line;
  auto read = table.FacesOfPerson(*person, [&](const FaceRow& row) -> Result<> {
    if (row.id == face) line = row.line;
    return {};
  });
  if (!read) return read.Failure();
  line.rejected = true;
  line.source.clear();
  return Store(table, line, model, /*overrule=*/true);
}

Result<StoredFace> MoveFace(GalleryTable& table, std::int64_t face,
                            const std::string& to) {
  const auto from = PersonOf(table, face);
  if (!from) return from.Failure();
  auto near_name = NearNameOfNew(table, to);
  if (!near_name) return near_name.Failure();
  auto person = table.PersonCalled(to);
  if (person && *person == 0) person = table.AddPerson(to);
  if (!person) return person.Failure();
  StoredFace stored{.id = face, .near_name = std::move(*near_name)};
  if (*person == *from) return stored;
  if (auto moved = table.MoveFace(face, *person); !moved) {
    return moved.Failure();
  }
  if (auto ended = EndContradictions(table, *person); !ended) {
    return ended.Failure();
  }
  if (auto left = RemoveIfEmpty(table, *from); !left) return left.Failure();
  return stored;
}

Result<> RemoveFace(GalleryTable& table, std::int64_t face) {
  const auto person = PersonOf(table, face);
  if (!person) return person.Failure();
  if (auto deleted = table.DeleteFace(face); !deleted) return deleted;
  return RemoveIfEmpty(table, *person);
}

Result<std::uint64_t> ImportFaces(GalleryTable& table,
                                  const std::vector<NumberedLine>& lines,
                                  const Digest& model) {
  std::uint64_t added = 0;
  for (const auto& [number, line] : lines) {
    const auto stored = Store(table, line, model, /*overrule=*/false);
    if (!stored) return stored.Failure("line " + std::to_string(number));
    added += stored->added && !line.rejected;
  }
  return added;
}

Result<std::vector<EnrolledFace>> EnrolledFaces(const GalleryTable& table,
                                                std::string_view name,
                                                const Digest& model) {
  const auto person = FindPerson(table, name);
  if (!person) return person.Failure();
  std::vector<EnrolledFace> faces;
  auto read = table.FacesOfPerson(*person, [&](const FaceRow& row) -> Result<> {
    const GalleryLine& line = row.line;
    if (line.rejected) return {};
    faces.push_back({row.id, line.image, line.box, line.source, line.quality,
                     std::chrono::system_clock::time_point(
                         std::chrono::seconds(line.created)),
                     line.model == model, row.has_picture});
    return {};
  });
  if (!read) return read.Failure();
  return faces;
}

}  // namespace ocelli
