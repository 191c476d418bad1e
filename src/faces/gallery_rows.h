#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "faces/gallery_table.h"

namespace ocelli {

// What a change comes to: rows by id as they are afterwards; none: deleted. A
// row has its picture only where that changes.
struct GalleryWrites {
  std::map<std::int64_t, std::optional<FaceRow>> faces;
  std::map<std::int64_t, std::optional<std::string>> people;  // Names.
  // The last ids that were given.
  std::int64_t last_face = 0;
  std::int64_t last_person = 0;

  bool empty() const { return faces.empty() && people.empty(); }
};

// A whole gallery in memory, but for pictures: only which face has one. Calls
// of GalleryTable never fail.
class GalleryRows final : public GalleryTable {
 public:
  GalleryRows() = default;
  // Copies and moves would leave the one moved from half empty.
  GalleryRows(const GalleryRows&) = delete;
  GalleryRows& operator=(const GalleryRows&) = delete;

  // What `change` would do; nothing is changed. Its error, where it fails.
  Result<GalleryWrites> Plan(
      const std::function<Result<>(GalleryTable&)>& change);
  // Faces of people that nobody is are left out: which.
  std::vector<std::int64_t> Apply(GalleryWrites writes);

  Result<std::int64_t> PersonCalled(std::string_view name) const override;
  Result<> ForEachName(
      const std::function<void(std::string_view)>& use) const override;
  Result<std::vector<PersonSummary>> Summaries(
      const Digest& model) const override;
  Result<> FacesOfImage(const Digest& image, const UseFace& use) const override;
  Result<> FacesOfPerson(std::int64_t person,
                         const UseFace& use) const override;
  Result<> AllFaces(const UseFace& use) const override;
  Result<std::int64_t> PersonOfFace(std::int64_t face) const override;
  Result<std::size_t> DimensionOf(const Digest& model) const override;

  Result<std::int64_t> AddPerson(const std::string& name) override;
  Result<> RenamePerson(std::int64_t person, const std::string& name) override;
  Result<> DeletePerson(std::int64_t person) override;
  Result<> MoveFaces(std::int64_t from, std::int64_t to) override;
  Result<> MoveFace(std::int64_t face, std::int64_t to) override;
  Result<std::int64_t> AddFace(std::int64_t person,
                               const GalleryLine& line) override;
  Result<> Describe(std::int64_t face, const GalleryLine& line) override;
  Result<> SetPicture(std::int64_t face, const FacePicture& picture) override;
  Result<> DeleteFace(std::int64_t face) override;

 private:
  struct Person {
    std::string name;
    std::set<std::int64_t> faces;
  };

  // Every change is one of these two. They return what was there.
  std::optional<FaceRow> SetFace(std::int64_t id, std::optional<FaceRow> row);
  std::optional<std::string> SetPerson(std::int64_t id,
                                       std::optional<std::string> name);
  // The same, remembered in before_.
  void ChangeFace(std::int64_t id, std::optional<FaceRow> row);
  void ChangePerson(std::int64_t id, std::optional<std::string> name);

  std::map<std::int64_t, FaceRow> faces_;
  std::unordered_map<std::int64_t, Person> people_;
  std::map<std::string, std::int64_t, std::less<>> names_;
  std::unordered_map<Digest, std::vector<std::int64_t>> by_image_;
  // How many descriptors of a model have so many values.
  std::map<Digest, std::map<std::size_t, std::size_t>> dimensions_;
  std::int64_t last_face_ = 0;
  std::int64_t last_person_ = 0;

  // What the change under way replaced.
  GalleryWrites before_;
};

}  // namespace ocelli
