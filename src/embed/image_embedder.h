#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/digest.h"
#include "core/image.h"
#include "core/result.h"
#include "infer/session.h"
#include "models/model_card.h"
#include "models/model_store.h"

namespace ocelli {

struct EmbedderOptions {
  std::string provider = "cpu";
  int threads = 1;  // Of one Embed().
};

// Scales to unit length. False where there is no direction: zero, infinite or
// no numbers at all.
bool Normalize(std::span<float> vector);

// One model's vectors for whole pictures. Thread-safe: as many threads as
// there are processors, each with a picture, is the fastest use of a CPU.
class ImageEmbedder {
 public:
  // kInvalidArgument: the card is no image embedder. kNotFound: not installed;
  // the message has the command that installs it.
  static Result<std::unique_ptr<ImageEmbedder>> Open(
      const ModelStore& models, const ModelCard& card,
      const EmbedderOptions& options = {});

  // Of unit length. kInvalidArgument for a picture without pixels or too
  // narrow, kDataLoss where the model answers with no direction.
  Result<std::vector<float>> Embed(ImageView image) const;
  // One vector a picture, in one run of the model where it takes batches.
  Result<std::vector<std::vector<float>>> Embed(
      std::span<const ImageView> images) const;

  const ModelCard& card() const { return card_; }

 private:
  ImageEmbedder(ModelCard card, std::unique_ptr<Session> session);

  Result<Tensor> Prepare(std::span<const ImageView> images) const;

  const ModelCard card_;
  const std::unique_ptr<Session> session_;
};

// The card called `name`, if it is one of an image embedder: kNotFound,
// kInvalidArgument.
Result<ModelCard> FindImageEmbedder(const ModelStore& models,
                                    std::string_view name);

// How many numbers its vectors have, as the card says.
int DimensionOf(const ModelCard& card);

}  // namespace ocelli
