#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/digest.h"
#include "core/face.h"
#include "faces/gallery.h"
#include "faces/gallery_table.h"

namespace ocelli {

// The gallery's faces of one model, as identification reads them.
struct KnownFaces {
  struct Rejection {
    std::uint32_t person;  // Index into `names`.
    Digest image;
    RectF box;
    std::vector<float> descriptor;  // Unit length; empty: of another model.
  };

  std::vector<std::string> names;
  std::size_t dimension = 0;
  std::vector<std::uint32_t> people;  // Of each face: index into `names`.
  std::vector<float> descriptors;     // people.size() x dimension, unit length.
  std::vector<Rejection> rejections;
};

// What of `table` is compared with faces that `model` describes. What can't be
// is left out, which is logged unless `*warned`, and sets it.
Result<std::shared_ptr<const KnownFaces>> KnownFacesOf(
    const GalleryTable& table, const Digest& model, bool* warned);

// Whether two boxes of one image hold the same face.
bool SameFace(const RectF& a, const RectF& b);

// Scales to unit length. False, and nothing is changed, where that can't be:
// empty, not finite, or nearly nothing.
bool Normalize(std::vector<float>& descriptor);

// Adds to everyone with several faces their average, as one more face: nearer
// than any single one to a face seen in other light or at another age.
void AddAverages(KnownFaces& known);

// See Gallery::Identify. The margin counts everyone whom the face was not
// rejected for, also those found elsewhere in the picture: of two who look
// alike, neither is named by default.
std::vector<std::optional<Identity>> IdentifyAmong(
    const KnownFaces& known, const std::vector<Face>& faces,
    const Digest& image, const IdentifyOptions& options);

}  // namespace ocelli
