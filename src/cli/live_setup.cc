#include "cli/live_setup.h"

#include <filesystem>
#include <utility>

#include "core/file.h"
#include "media/still_image.h"

namespace ocelli {

Result<std::unique_ptr<Gallery>> OpenGalleryIfAny(
    const Paths& paths, const ModelStore& models,
    const std::string& describer) {
  std::error_code error;
  if (describer.empty() || !std::filesystem::exists(paths.gallery(), error)) {
    return std::unique_ptr<Gallery>();
  }
  const auto card = models.Find(describer);
  if (!card) return card.Failure();
  auto gallery = Gallery::Open(paths.gallery(), card->Fingerprint());
  if (!gallery) return gallery.Failure("opening the people database");
  return gallery;
}

EffectContext FileEffectContext() {
  return {[](const std::string& path) -> Result<PictureWithAlpha> {
    const auto bytes = ReadFileLimited(path, ImageLimits{}.max_bytes);
    if (!bytes) return bytes.Failure();
    auto image = DecodeImageWithAlpha(*bytes);
    if (!image) return image.Failure(path);
    return PictureWithAlpha{std::move(image->color), std::move(image->alpha)};
  }};
}

}  // namespace ocelli
