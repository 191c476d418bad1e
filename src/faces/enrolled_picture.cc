#include "faces/enrolled_picture.h"

#include <array>
#include <cstdint>
#include <utility>

namespace ocelli {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

auto NoBase64() {
  return Fail(ErrorCode::kInvalidArgument, "picture is no Base64");
}

}  // namespace

Result<> CheckFacePicture(const FacePicture& picture) {
  if (picture.size() > kMaxFacePictureBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                "picture has " + std::to_string(picture.size()) +
                    " bytes, at most " + std::to_string(kMaxFacePictureBytes) +
                    " are kept of a face");
  }
  constexpr std::array kStart = {std::byte{0xff}, std::byte{0xd8},
                                 std::byte{0xff}};
  if (picture.size() < kStart.size() || picture[0] != kStart[0] ||
      picture[1] != kStart[1] || picture[2] != kStart[2]) {
    return Fail(ErrorCode::kInvalidArgument, "picture is no JPEG");
  }
  return {};
}

std::string FormatFacePicture(const FacePicture& picture) {
  std::string text;
  for (std::size_t i = 0; i < picture.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t k = i; k < i + 3; ++k) {
      bits =
          bits << 8 |
          (k < picture.size() ? std::to_integer<std::uint32_t>(picture[k]) : 0);
    }
    for (int shift = 18; shift >= 0; shift -= 6) {
      text += kDigits[bits >> shift & 63];
    }
  }
  const std::size_t padding = (3 - picture.size() % 3) % 3;
  text.replace(text.size() - padding, padding, padding, '=');
  return text;
}

Result<FacePicture> ParseFacePicture(std::string_view text) {
  if (text.size() % 4 != 0) return NoBase64();
  if (text.size() / 4 * 3 > kMaxFacePictureBytes + 3) {
    return Fail(ErrorCode::kInvalidArgument, "picture is too large");
  }
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  FacePicture picture;
  std::uint32_t bits = 0;
  int count = 0;  // Of bits that are not in `picture` yet.
  for (const char digit : text) {
    const auto value = kDigits.find(digit);
    if (value == kDigits.npos) return NoBase64();
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    picture.push_back(static_cast<std::byte>(bits >> count & 255));
  }
  if (auto valid = CheckFacePicture(picture); !valid) return valid.Failure();
  return picture;
}

}  // namespace ocelli
