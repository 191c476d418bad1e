#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace ocelli {

// What an enrolled face looks like, for people: a small JPEG.
using FacePicture = std::vector<std::byte>;

inline constexpr std::size_t kMaxFacePictureBytes = 32 << 10;
inline constexpr int kMaxFacePictureSide = 160;

// kInvalidArgument for what is too large, or does not begin as a JPEG does.
Result<> CheckFacePicture(const FacePicture& picture);

// Base64 (RFC 4648, with padding).
std::string FormatFacePicture(const FacePicture& picture);
// Believes nothing: kInvalidArgument.
Result<FacePicture> ParseFacePicture(std::string_view text);

}  // namespace ocelli
