#pragma once

#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/gallery_flags.h"
#include "core/result.h"
#include "effects/effect.h"
#include "faces/gallery.h"
#include "models/model_store.h"

namespace ocelli {

// The people to be named, described by that model (empty: nobody is); null
// where nobody was ever enrolled. See GalleryUse::kNames.
Result<std::unique_ptr<Gallery>> OpenGalleryIfAny(
    const CommandContext& context, const GalleryFlags& flags,
    const ModelStore& models, const std::string& describer,
    MetricsRegistry* metrics = nullptr);

// Effects that read pictures from this machine's files.
EffectContext FileEffectContext();

}  // namespace ocelli
