#include "faces/model_input.h"

namespace ocelli {

Tensor MakeInput(const ModelCard& card, int count, int height, int width) {
  if (card.input.layout == "NCHW") {
    return Tensor::Floats({count, 3, height, width});
  }
  return Tensor::Floats({count, height, width, 3});
}

PixelEncoding EncodingOf(const ModelCard& card) {
  return {card.input.layout == "NCHW", card.input.order == "BGR",
          card.input.mean[0], card.input.scale[0]};
}

}  // namespace ocelli
