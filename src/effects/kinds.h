#pragma once

#include "effects/effect.h"

namespace ocelli {

// One of each effect's file.
EffectKind BeautyKind();
EffectKind ReshapeKind();
EffectKind MakeupKind();
EffectKind StickerKind();
EffectKind AnonymizeKind();
EffectKind OverlayKind();
EffectKind CropKind();

}  // namespace ocelli
