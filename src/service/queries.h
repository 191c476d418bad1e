#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "embed/text_embedder.h"
#include "ocelli/v1/picture.pb.h"
#include "recognize/embedding_recognizer.h"
#include "service/service_state.h"

namespace ocelli {

// The vector of a picture that was sent, counted; errors begin with `field`.
Result<ImageEmbedding> EmbedImage(EmbeddingRecognizer& embedder,
                                  v1::Image& image, std::string_view field,
                                  ServiceState& state);

// kInvalidArgument: too long.
Result<std::vector<float>> EmbedText(const TextEmbedder& embedder,
                                     const std::string& text,
                                     ServiceState& state);

// Whether texts can be embedded into the space of `card`: the model that reads
// them is installed.
bool ReadsTextNow(const ModelCard& card, const ModelStore& models);

}  // namespace ocelli
