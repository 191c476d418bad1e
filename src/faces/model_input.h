#pragma once

#include "faces/sampler.h"
#include "infer/session.h"
#include "models/card_session.h"
#include "models/model_card.h"

namespace ocelli {

// `count` pictures of width x height as the card wants them, all zero.
Tensor MakeInput(const ModelCard& card, int count, int height, int width);

PixelEncoding EncodingOf(const ModelCard& card);

}  // namespace ocelli
