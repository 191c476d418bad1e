#pragma once

#include "effects/effect.h"

namespace ocelli {

// "filter:graph=GRAPH": any graph of libavfilter that is one picture in, one
// picture out. It is here because effects/ does not know media/.
EffectKind FilterKind();

}  // namespace ocelli
