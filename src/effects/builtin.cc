#include "effects/kinds.h"

namespace ocelli {

void AddBuiltinEffects(EffectRegistry& registry) {
  registry.Add(BeautyKind());
  registry.Add(StickerKind());
  registry.Add(AnonymizeKind());
  registry.Add(OverlayKind());
}

}  // namespace ocelli
