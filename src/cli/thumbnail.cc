#include "cli/thumbnail.h"

#include "cli/html.h"
#include "core/file.h"
#include "media/still_image.h"
#include "recognize/small_picture.h"

namespace ocelli {

Result<Image> LoadThumbnail(const std::filesystem::path& path, int side) {
  const auto bytes = ReadFileLimited(path, ImageLimits{}.max_bytes);
  if (!bytes) return bytes.Failure();
  auto image = DecodeImage(*bytes);
  if (!image) return image.Failure(path.string());
  return ShrinkTo(*std::move(image), side);
}

std::string ThumbnailUri(const std::filesystem::path& path, int side) {
  constexpr int kQuality = 82;
  const auto image = LoadThumbnail(path, side);
  if (!image) return "";
  const auto jpeg = EncodeJpeg(*image, kQuality);
  return jpeg ? JpegDataUri(*jpeg) : "";
}

}  // namespace ocelli
