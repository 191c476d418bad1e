#include "cli/live_setup.h"

#include <utility>

#include "core/file.h"
#include "media/still_image.h"

namespace ocelli {

Result<std::unique_ptr<Gallery>> OpenGalleryIfAny(const CommandContext& context,
                                                  const GalleryFlags& flags,
                                                  const ModelStore& models,
                                                  const std::string& describer,
                                                  MetricsRegistry* metrics) {
  if (describer.empty()) return std::unique_ptr<Gallery>();
  const auto resolved = ResolveGallery(context, flags);
  if (!resolved) return resolved.Failure();
  return OpenGallery(context, *resolved, context.paths.gallery(), models,
                     describer, GalleryUse::kNames, metrics);
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
