#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "embed/clip_tokenizer.h"
#include "embed/image_embedder.h"
#include "infer/session.h"
#include "models/model_card.h"
#include "models/model_store.h"

namespace ocelli {

// One model's vectors for texts, in the space of the image embedder whose card
// names it as its `text`. Thread-safe.
class TextEmbedder {
 public:
  // The card has task "text-embedding", one output [N, D] and in `needs` its
  // vocabulary; the graph takes "input_ids", int64 [N, 77], and may take
  // "attention_mask" of the same kind. kInvalidArgument: another card.
  // kNotFound: not installed; the message has the command that installs it.
  static Result<std::unique_ptr<TextEmbedder>> Open(
      const ModelStore& models, const ModelCard& card,
      const EmbedderOptions& options = {});

  // Of unit length. Only the first 75 tokens count. kDataLoss where the model
  // answers with no direction.
  Result<std::vector<float>> Embed(std::string_view text) const;

  const ModelCard& card() const { return card_; }

 private:
  TextEmbedder(ModelCard card, ClipTokenizer tokenizer,
               std::unique_ptr<Session> session);

  const ModelCard card_;
  const ClipTokenizer tokenizer_;
  const std::unique_ptr<Session> session_;
};

}  // namespace ocelli
