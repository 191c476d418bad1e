#include "cli/thumbnail.h"

#include <algorithm>

#include "cli/html.h"
#include "core/file.h"
#include "embed/resize.h"
#include "media/still_image.h"

namespace ocelli {

Result<Image> LoadThumbnail(const std::filesystem::path& path, int side) {
  const auto bytes = ReadFileLimited(path, ImageLimits{}.max_bytes);
  if (!bytes) return bytes.Failure();
  auto image = DecodeImage(*bytes);
  if (!image) return image.Failure(path.string());
  const int longest = std::max(image->width(), image->height());
  if (longest <= side) return image;
  const auto scaled = [&](int length) {
    return std::max(1, static_cast<int>(std::int64_t{length} * side / longest));
  };
  return Resize(*image, scaled(image->width()), scaled(image->height()),
                ResizeFilter::kBicubic);
}

std::string ThumbnailUri(const std::filesystem::path& path, int side) {
  constexpr int kQuality = 82;
  const auto image = LoadThumbnail(path, side);
  if (!image) return "";
  const auto jpeg = EncodeJpeg(*image, kQuality);
  return jpeg ? JpegDataUri(*jpeg) : "";
}

}  // namespace ocelli
