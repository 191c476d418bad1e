#include "effects/kinds.h"

namespace ocelli {

void AddBuiltinEffects(EffectRegistry& registry) { registry.Add(BeautyKind()); }

}  // namespace ocelli
