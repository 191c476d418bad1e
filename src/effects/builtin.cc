#include "effects/kinds.h"

namespace ocelli {

void AddBuiltinEffects(EffectRegistry& registry) {
  registry.Add(BeautyKind());
  registry.Add(ReshapeKind());
  registry.Add(MakeupKind());
  registry.Add(StickerKind());
  registry.Add(AnonymizeKind());
  registry.Add(OverlayKind());
  registry.Add(CropKind());
}

}  // namespace ocelli
