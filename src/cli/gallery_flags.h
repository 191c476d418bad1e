#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "cli/command.h"
#include "core/result.h"
#include "faces/gallery.h"
#include "metrics/metrics.h"
#include "models/model_store.h"

namespace ocelli {

// Which people.
struct GalleryFlags {
  std::string place;  // Redis or a file; empty: this user's own.
  std::string name;   // Of those that one Redis keeps; empty: not said.
};

// --gallery and --gallery-name.
void AddGalleryFlags(CLI::App& app, GalleryFlags& flags);

// The flags, with the settings gallery.url and gallery.name
// (OCELLI_GALLERY_URL, OCELLI_GALLERY_NAME) where they say nothing, and the
// ?gallery=NAME of an address apart from it. kInvalidArgument: no such place.
Result<GalleryFlags> ResolveGallery(const CommandContext& context,
                                    const GalleryFlags& flags);

enum class GalleryUse {
  kEdit,   // Made where missing.
  kRead,   // Null where nobody was ever enrolled.
  kNames,  // As kRead; where Redis can't be reached it goes on without names
           // until it can, with a warning.
};

// The people of ResolveGallery(), or those of `own` where it says none. Faces
// are described by the model called `describer`.
Result<std::unique_ptr<Gallery>> OpenGallery(
    const CommandContext& context, const GalleryFlags& resolved,
    const std::filesystem::path& own, const ModelStore& models,
    const std::string& describer, GalleryUse use,
    MetricsRegistry* metrics = nullptr);

}  // namespace ocelli
