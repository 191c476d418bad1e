#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/result_cache.h"
#include "core/digest.h"
#include "core/fair_slots.h"
#include "core/result.h"
#include "embed/image_embedder.h"
#include "media/still_image.h"
#include "models/model_store.h"
#include "recognize/content_results.h"

namespace ocelli {

struct ImageEmbedding {
  Digest digest;              // Of the encoded bytes.
  std::vector<float> vector;  // Of unit length.
  bool cached = false;        // Nothing was computed for it.
};

// The cached value: ocelli.v1.Embedding.
std::string SerializeEmbedding(const Digest& digest,
                               std::span<const float> vector);
// Believes nothing: kDataLoss for bytes that are no embedding of `dimension`
// finite numbers of unit length for `digest`.
Result<std::vector<float>> ParseEmbedding(std::string_view bytes,
                                          const Digest& digest, int dimension);

// One image from its encoded bytes to one model's vector: digest, cache, and
// only where that has nothing decoding and the model, which is opened when the
// first image needs it. Thread-safe.
class EmbeddingRecognizer {
 public:
  // `models`, `cache` (null: none) and `images` outlive it. Of `images` each
  // image takes one while it is decoded and embedded, a cached answer none, and
  // who calls it holds none (as of RecognizerOptions); null: no limit.
  // kNotFound, kInvalidArgument: no card of an image embedder has that name.
  static Result<std::unique_ptr<EmbeddingRecognizer>> Open(
      const ModelStore& models, ResultCache* cache, std::string_view embedder,
      const EmbedderOptions& options = {}, FairSlots* images = nullptr,
      const ImageLimits& limits = {});

  // kInvalidArgument: the image is none, damaged, or over a limit. kCancelled
  // where the thread's WorkScope is stopped before it is computed.
  Result<ImageEmbedding> Embed(std::span<const std::byte> encoded);
  // Where the digest of `encoded` is known already.
  Result<ImageEmbedding> Embed(std::span<const std::byte> encoded,
                               const Digest& digest);

  const ModelCard& card() const { return card_; }
  int dimension() const { return DimensionOf(card_); }
  // Of everything that changes a vector.
  const Digest& fingerprint() const { return fingerprint_; }
  // Opens the model now; the error that Embed() would meet.
  Result<> Warm();

 private:
  EmbeddingRecognizer(const ModelStore& models, ResultCache* cache,
                      ModelCard card, EmbedderOptions options,
                      FairSlots* images, const ImageLimits& limits);
  Result<const ImageEmbedder*> Embedder();

  const ModelStore& models_;
  const ModelCard card_;
  const EmbedderOptions options_;
  const Digest fingerprint_;
  FairSlots* const images_;
  const ImageLimits limits_;
  ContentResults results_;
  std::mutex mutex_;
  std::unique_ptr<ImageEmbedder> embedder_;  // Guarded by mutex_ until made.
};

}  // namespace ocelli
