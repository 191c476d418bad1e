#pragma once

#include <memory>
#include <string>

#include "core/paths.h"
#include "core/result.h"
#include "effects/effect.h"
#include "faces/gallery.h"
#include "models/model_store.h"

namespace ocelli {

// The people of this user, described by that model; null where nobody was ever
// enrolled.
Result<std::unique_ptr<Gallery>> OpenGalleryIfAny(const Paths& paths,
                                                  const ModelStore& models,
                                                  const std::string& describer);

// Effects that read pictures from this machine's files.
EffectContext FileEffectContext();

}  // namespace ocelli
