#include "recognize/embedding_recognizer.h"

#include <google/protobuf/arena.h>
#include <ocelli/v1/embedding.pb.h>

#include <cmath>
#include <numeric>
#include <utility>

#include "recognize/small_picture.h"

namespace ocelli {
namespace {

// Counted up where decoding or preprocessing changes vectors.
constexpr std::string_view kEmbeddingVersion = "embedding 1";

Digest FingerprintOf(const ModelCard& card) {
  return Sha256(std::string(kEmbeddingVersion) + card.Fingerprint().ToHex());
}

}  // namespace

std::string SerializeEmbedding(const Digest& digest,
                               std::span<const float> vector) {
  google::protobuf::Arena arena;
  auto& message =
      *google::protobuf::Arena::CreateMessage<v1::Embedding>(&arena);
  message.set_digest(digest.ToHex());
  message.mutable_values()->Assign(vector.begin(), vector.end());
  return message.SerializeAsString();
}

Result<std::vector<float>> ParseEmbedding(std::string_view bytes,
                                          const Digest& digest, int dimension) {
  google::protobuf::Arena arena;
  auto& message =
      *google::protobuf::Arena::CreateMessage<v1::Embedding>(&arena);
  if (message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) &&
      message.digest() == digest.ToHex() &&
      message.values_size() == dimension) {
    std::vector<float> vector(message.values().begin(), message.values().end());
    const double square =
        std::inner_product(vector.begin(), vector.end(), vector.begin(), 0.);
    // False for anything that is not finite, too.
    if (std::abs(square - 1) < 1e-3) return vector;
  }
  return Fail(ErrorCode::kDataLoss, "not the embedding of this image");
}

EmbeddingRecognizer::EmbeddingRecognizer(const ModelStore& models,
                                         ResultCache* cache, ModelCard card,
                                         EmbedderOptions options,
                                         FairSlots* images,
                                         const ImageLimits& limits)
    : models_(models),
      card_(std::move(card)),
      options_(std::move(options)),
      fingerprint_(FingerprintOf(card_)),
      images_(images),
      limits_(limits),
      results_(cache) {}

Result<std::unique_ptr<EmbeddingRecognizer>> EmbeddingRecognizer::Open(
    const ModelStore& models, ResultCache* cache, std::string_view embedder,
    const EmbedderOptions& options, FairSlots* images,
    const ImageLimits& limits) {
  auto card = FindImageEmbedder(models, embedder);
  if (!card) return card.Failure();
  return std::unique_ptr<EmbeddingRecognizer>(new EmbeddingRecognizer(
      models, cache, std::move(*card), options, images, limits));
}

Result<const ImageEmbedder*> EmbeddingRecognizer::Embedder() {
  const std::lock_guard lock(mutex_);
  if (!embedder_) {
    auto opened = ImageEmbedder::Open(models_, card_, options_);
    if (!opened) return opened.Failure();
    embedder_ = std::move(*opened);
  }
  return embedder_.get();
}

Result<> EmbeddingRecognizer::Warm() {
  const auto embedder = Embedder();
  if (!embedder) return embedder.Failure();
  return {};
}

Result<ImageEmbedding> EmbeddingRecognizer::Embed(
    std::span<const std::byte> encoded) {
  return Embed(encoded, Sha256(encoded));
}

Result<ImageEmbedding> EmbeddingRecognizer::Embed(
    std::span<const std::byte> encoded, const Digest& digest) {
  ImageEmbedding embedding{.digest = digest, .vector = {}};
  const auto compute = [&]() -> Result<std::string> {
    const auto slot = TakeSlot(images_);
    if (!slot) return slot.Failure("embedding an image");
    const auto embedder = Embedder();
    if (!embedder) return embedder.Failure();
    const auto image = DecodeSentImage(encoded, limits_);
    if (!image) return image.Failure();
    const auto vector = (*embedder)->Embed(*image);
    if (!vector) return vector.Failure();
    return SerializeEmbedding(embedding.digest, *vector);
  };
  const auto cached = results_.Get({embedding.digest, fingerprint_}, compute,
                                   [&](std::string_view bytes) -> Result<> {
                                     auto vector = ParseEmbedding(
                                         bytes, embedding.digest, dimension());
                                     if (!vector) return vector.Failure();
                                     embedding.vector = std::move(*vector);
                                     return {};
                                   });
  if (!cached) return cached.Failure();
  embedding.cached = *cached;
  return embedding;
}

}  // namespace ocelli
