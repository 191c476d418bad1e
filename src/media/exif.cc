#include "media/exif.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace ocelli {
namespace {

// Numbers in the byte order that the TIFF header chose; 0 beyond the end.
class TiffReader {
 public:
  explicit TiffReader(std::span<const std::byte> bytes) : bytes_(bytes) {
    big_endian_ = Byte(0) == 'M';
  }

  std::uint32_t U16(std::size_t at) const {
    return big_endian_ ? Byte(at) << 8 | Byte(at + 1)
                       : Byte(at + 1) << 8 | Byte(at);
  }
  std::uint32_t U32(std::size_t at) const {
    return big_endian_ ? U16(at) << 16 | U16(at + 2)
                       : U16(at + 2) << 16 | U16(at);
  }

 private:
  std::uint32_t Byte(std::size_t at) const {
    return at < bytes_.size() ? std::to_integer<std::uint32_t>(bytes_[at]) : 0;
  }

  std::span<const std::byte> bytes_;
  bool big_endian_;
};

// Each pixel from `right` and `down` bytes on from the one to its left and
// above. In tiles, so that what a column walks through stays in the cache.
template <int kChannels>
void Fill(MutableImageView to, const std::uint8_t* first, std::ptrdiff_t right,
          std::ptrdiff_t down) {
  constexpr int kTile = 64;
  for (int top = 0; top < to.height; top += kTile) {
    const int bottom = std::min(top + kTile, to.height);
    for (int left = 0; left < to.width; left += kTile) {
      const int end = std::min(left + kTile, to.width);
      for (int y = top; y < bottom; ++y) {
        const std::uint8_t* source = first + y * down + left * right;
        std::uint8_t* target = to.Pixel(left, y);
        for (int x = left; x < end; ++x) {
          std::memcpy(target, source, kChannels);
          target += kChannels;
          source += right;
        }
      }
    }
  }
}

}  // namespace

int ExifOrientation(std::span<const std::byte> exif) {
  constexpr std::uint32_t kOrientationTag = 0x0112;
  constexpr std::uint32_t kShort = 3;
  constexpr std::size_t kEntryBytes = 12;

  const TiffReader tiff(exif);
  if (tiff.U16(2) != 42) return 1;
  const std::size_t directory = tiff.U32(4);
  const std::uint32_t entries = tiff.U16(directory);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + i * kEntryBytes;
    if (entry + kEntryBytes > exif.size()) break;
    if (tiff.U16(entry) != kOrientationTag) continue;
    const std::uint32_t value = tiff.U16(entry + 8);
    const bool valid =
        tiff.U16(entry + 2) == kShort && value >= 1 && value <= 8;
    return valid ? static_cast<int>(value) : 1;
  }
  return 1;
}

Image Upright(Image image, int orientation) {
  if (orientation <= 1 || orientation > 8 || image.empty()) return image;
  const ImageView from = image.view();
  const bool transposed = orientation >= 5;
  Image upright(transposed ? from.height : from.width,
                transposed ? from.width : from.height, from.format);
  const MutableImageView to = upright.view();
  const int channels = Channels(from.format);

  // Where the result's first pixel comes from, and the way through the
  // original, in bytes, for each step right and down in the result.
  const bool from_right = orientation == 2 || orientation == 3 ||
                          orientation == 7 || orientation == 8;
  const bool from_bottom = orientation == 3 || orientation == 4 ||
                           orientation == 6 || orientation == 7;
  const std::uint8_t* first = from.Pixel(from_right ? from.width - 1 : 0,
                                         from_bottom ? from.height - 1 : 0);
  std::ptrdiff_t right = from_right ? -channels : channels;
  std::ptrdiff_t down = from_bottom ? -from.stride : from.stride;
  if (transposed) std::swap(right, down);

  if (channels == 3) {
    Fill<3>(to, first, right, down);
  } else {
    Fill<1>(to, first, right, down);
  }
  return upright;
}

}  // namespace ocelli
