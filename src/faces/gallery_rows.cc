#include "faces/gallery_rows.h"

#include <algorithm>
#include <utility>

namespace ocelli {

Result<GalleryWrites> GalleryRows::Plan(
    const std::function<Result<>(GalleryTable&)>& change) {
  before_ = {};
  before_.last_face = last_face_;
  before_.last_person = last_person_;
  const Result<> done = change(*this);

  GalleryWrites writes;
  writes.last_face = std::exchange(last_face_, before_.last_face);
  writes.last_person = std::exchange(last_person_, before_.last_person);
  GalleryWrites before = std::exchange(before_, {});
  // Faces first: they need their people to be put back in order.
  for (auto& [id, row] : before.faces) {
    writes.faces.emplace(id, SetFace(id, std::nullopt));
  }
  for (auto& [id, name] : before.people) {
    writes.people.emplace(id, SetPerson(id, std::move(name)));
  }
  for (auto& [id, row] : before.faces) SetFace(id, std::move(row));
  if (!done) return done.Failure();
  return writes;
}

std::vector<std::int64_t> GalleryRows::Apply(GalleryWrites writes) {
  std::vector<std::int64_t> left_out;
  for (auto& [id, row] : writes.faces) {
    if (!row) SetFace(id, std::nullopt);
    last_face_ = std::max(last_face_, id);
  }
  for (auto& [id, name] : writes.people) {
    if (!name) {
      const auto person = people_.find(id);
      if (person == people_.end()) continue;
      // Their faces that are somebody else's afterwards follow below.
      for (const std::int64_t face : std::set(person->second.faces)) {
        SetFace(face, std::nullopt);
      }
    }
    last_person_ = std::max(last_person_, id);
    SetPerson(id, std::move(name));
  }
  for (auto& [id, row] : writes.faces) {
    if (!row) continue;
    if (people_.contains(row->person)) {
      row->line.picture = {};
      SetFace(id, std::move(row));
    } else {
      SetFace(id, std::nullopt);
      left_out.push_back(id);
    }
  }
  last_face_ = std::max(last_face_, writes.last_face);
  last_person_ = std::max(last_person_, writes.last_person);
  return left_out;
}

std::optional<FaceRow> GalleryRows::SetFace(std::int64_t id,
                                            std::optional<FaceRow> row) {
  std::optional<FaceRow> before;
  if (const auto found = faces_.find(id); found != faces_.end()) {
    before = std::move(found->second);
    faces_.erase(found);
    const GalleryLine& line = before->line;
    people_[before->person].faces.erase(id);
    auto& same_image = by_image_[line.image];
    std::erase(same_image, id);
    if (same_image.empty()) by_image_.erase(line.image);
    auto& sizes = dimensions_[line.model];
    if (--sizes[line.descriptor.size()] == 0) {
      sizes.erase(line.descriptor.size());
    }
  }
  if (row) {
    Person& person = people_[row->person];
    row->id = id;
    row->line.person = person.name;
    person.faces.insert(id);
    by_image_[row->line.image].push_back(id);
    ++dimensions_[row->line.model][row->line.descriptor.size()];
    faces_.emplace(id, *std::move(row));
  }
  return before;
}

std::optional<std::string> GalleryRows::SetPerson(
    std::int64_t id, std::optional<std::string> name) {
  std::optional<std::string> before;
  const auto found = people_.find(id);
  if (found != people_.end()) {
    before = found->second.name;
    if (const auto named = names_.find(*before);
        named != names_.end() && named->second == id) {
      names_.erase(named);
    }
  }
  if (!name) {
    if (found != people_.end()) people_.erase(found);
    return before;
  }
  Person& person = people_[id];
  person.name = *name;
  for (const std::int64_t face : person.faces) {
    faces_.at(face).line.person = *name;
  }
  names_[*std::move(name)] = id;
  return before;
}

void GalleryRows::ChangeFace(std::int64_t id, std::optional<FaceRow> row) {
  before_.faces.emplace(id, SetFace(id, std::move(row)));
}

void GalleryRows::ChangePerson(std::int64_t id,
                               std::optional<std::string> name) {
  before_.people.emplace(id, SetPerson(id, std::move(name)));
}

Result<std::int64_t> GalleryRows::PersonCalled(std::string_view name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? 0 : found->second;
}

Result<> GalleryRows::ForEachName(
    const std::function<void(std::string_view)>& use) const {
  for (const auto& [name, id] : names_) use(name);
  return {};
}

Result<std::vector<PersonSummary>> GalleryRows::Summaries(
    const Digest& model) const {
  std::vector<PersonSummary> people;
  for (const auto& [name, id] : names_) {
    PersonSummary& person = people.emplace_back();
    person.name = name;
    for (const std::int64_t face : people_.at(id).faces) {
      const GalleryLine& line = faces_.at(face).line;
      ++(line.rejected ? person.rejected : person.faces);
      if (!line.rejected && line.model != model) ++person.other_model;
    }
  }
  return people;
}

Result<> GalleryRows::FacesOfImage(const Digest& image,
                                   const UseFace& use) const {
  const auto found = by_image_.find(image);
  if (found == by_image_.end()) return {};
  for (const std::int64_t id : found->second) {
    if (auto used = use(faces_.at(id)); !used) return used;
  }
  return {};
}

Result<> GalleryRows::FacesOfPerson(std::int64_t person,
                                    const UseFace& use) const {
  const auto found = people_.find(person);
  if (found == people_.end()) return {};
  for (const std::int64_t id : found->second.faces) {
    if (auto used = use(faces_.at(id)); !used) return used;
  }
  return {};
}

Result<> GalleryRows::AllFaces(const UseFace& use) const {
  for (const auto& [id, row] : faces_) {
    if (auto used = use(row); !used) return used;
  }
  return {};
}

Result<std::int64_t> GalleryRows::PersonOfFace(std::int64_t face) const {
  const auto found = faces_.find(face);
  if (found == faces_.end() || found->second.line.rejected) return 0;
  return found->second.person;
}

Result<std::size_t> GalleryRows::DimensionOf(const Digest& model) const {
  const auto found = dimensions_.find(model);
  if (found == dimensions_.end() || found->second.empty()) return 0u;
  // Rejections may have none.
  return found->second.rbegin()->first;
}

Result<std::int64_t> GalleryRows::AddPerson(const std::string& name) {
  ChangePerson(++last_person_, name);
  return last_person_;
}

Result<> GalleryRows::RenamePerson(std::int64_t person,
                                   const std::string& name) {
  ChangePerson(person, name);
  return {};
}

Result<> GalleryRows::DeletePerson(std::int64_t person) {
  const auto found = people_.find(person);
  if (found == people_.end()) return {};
  for (const std::int64_t face : std::set(found->second.faces)) {
    ChangeFace(face, std::nullopt);
  }
  ChangePerson(person, std::nullopt);
  return {};
}

Result<> GalleryRows::MoveFaces(std::int64_t from, std::int64_t to) {
  const auto found = people_.find(from);
  if (found == people_.end()) return {};
  for (const std::int64_t face : std::set(found->second.faces)) {
    FaceRow row = faces_.at(face);
    row.person = to;
    ChangeFace(face, std::move(row));
  }
  return {};
}

Result<> GalleryRows::MoveFace(std::int64_t face, std::int64_t to) {
  FaceRow row = faces_.at(face);
  row.person = to;
  ChangeFace(face, std::move(row));
  return {};
}

Result<std::int64_t> GalleryRows::AddFace(std::int64_t person,
                                          const GalleryLine& line) {
  const std::int64_t id = ++last_face_;
  ChangeFace(id, FaceRow{id, person, line, !line.picture.empty()});
  return id;
}

Result<> GalleryRows::Describe(std::int64_t face, const GalleryLine& line) {
  FaceRow row = faces_.at(face);
  row.line.model = line.model;
  row.line.descriptor = line.descriptor;
  row.line.box = line.box;
  row.line.quality = line.quality;
  row.line.created = line.created;
  if (!line.picture.empty()) {
    row.line.picture = line.picture;
    row.has_picture = true;
  }
  ChangeFace(face, std::move(row));
  return {};
}

Result<> GalleryRows::SetPicture(std::int64_t face,
                                 const FacePicture& picture) {
  FaceRow row = faces_.at(face);
  row.line.picture = picture;
  row.has_picture = true;
  ChangeFace(face, std::move(row));
  return {};
}

Result<> GalleryRows::DeleteFace(std::int64_t face) {
  ChangeFace(face, std::nullopt);
  return {};
}

}  // namespace ocelli
