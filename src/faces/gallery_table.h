#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/digest.h"
#include "core/result.h"
#include "faces/gallery.h"
#include "faces/gallery_line.h"

namespace ocelli {

// A face as it is kept; `line` has the person's name. Where rows are read it
// lacks the picture, which is read apart.
struct FaceRow {
  std::int64_t id = 0;
  std::int64_t person = 0;
  GalleryLine line;
  bool has_picture = false;
};

// Where a gallery's people and faces are kept, as gallery_rules.h reads and
// changes them. Ids are positive and never given twice. Every call may fail as
// its storage does. Not thread-safe.
class GalleryTable {
 public:
  using UseFace = std::function<Result<>(const FaceRow&)>;

  virtual ~GalleryTable() = default;

  // 0: nobody is called so.
  virtual Result<std::int64_t> PersonCalled(std::string_view name) const = 0;
  virtual Result<> ForEachName(
      const std::function<void(std::string_view)>& use) const = 0;
  // By name. `other_model` counts faces of other models than `model`.
  virtual Result<std::vector<PersonSummary>> Summaries(
      const Digest& model) const = 0;
  // Faces and rejections; those of a person, and all, by id. The first error
  // of `use` ends it.
  virtual Result<> FacesOfImage(const Digest& image,
                                const UseFace& use) const = 0;
  virtual Result<> FacesOfPerson(std::int64_t person,
                                 const UseFace& use) const = 0;
  virtual Result<> AllFaces(const UseFace& use) const = 0;
  // Whose face it is; 0: there is none, or it is a rejection.
  virtual Result<std::int64_t> PersonOfFace(std::int64_t face) const = 0;
  // How many values descriptors of `model` have; 0 while there are none.
  virtual Result<std::size_t> DimensionOf(const Digest& model) const = 0;

  virtual Result<std::int64_t> AddPerson(const std::string& name) = 0;
  virtual Result<> RenamePerson(std::int64_t person,
                                const std::string& name) = 0;
  // With all faces and rejections.
  virtual Result<> DeletePerson(std::int64_t person) = 0;
  virtual Result<> MoveFaces(std::int64_t from, std::int64_t to) = 0;
  virtual Result<> MoveFace(std::int64_t face, std::int64_t to) = 0;
  virtual Result<std::int64_t> AddFace(std::int64_t person,
                                       const GalleryLine& line) = 0;
  // Replaces how the face is described: model, descriptor, box, quality, when;
  // and the picture where `line` has one.
  virtual Result<> Describe(std::int64_t face, const GalleryLine& line) = 0;
  virtual Result<> SetPicture(std::int64_t face,
                              const FacePicture& picture) = 0;
  virtual Result<> DeleteFace(std::int64_t face) = 0;
};

}  // namespace ocelli
