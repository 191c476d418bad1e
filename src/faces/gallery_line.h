#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/digest.h"
#include "core/face.h"
#include "core/result.h"
#include "faces/enrolled_picture.h"

namespace ocelli {

// One line of an exported gallery: a face that is `person`, or was rejected.
struct GalleryLine {
  bool rejected = false;
  std::string person;
  Digest model;
  Digest image;
  RectF box;
  std::vector<float> descriptor;  // A rejected face may have none.
  std::string source;
  FaceQuality quality;
  std::int64_t created = 0;  // Seconds since 1970.
  FacePicture picture;       // Empty: none.
};

inline constexpr std::size_t kMaxDescriptorValues = 4096;
inline constexpr std::size_t kMaxGalleryLineBytes = 1 << 20;

// JSON, without the line end.
std::string FormatGalleryLine(const GalleryLine& line);

// Believes nothing. The descriptor comes back at unit length.
Result<GalleryLine> ParseGalleryLine(std::string_view text);

}  // namespace ocelli
