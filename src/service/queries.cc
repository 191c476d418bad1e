#include "service/queries.h"

#include "service/pictures.h"

namespace ocelli {

Result<ImageEmbedding> EmbedImage(EmbeddingRecognizer& embedder,
                                  v1::Image& image, std::string_view field,
                                  ServiceState& state) {
  const auto picture = TakePicture(image, field, state);
  if (!picture) return picture.Failure();
  auto embedding = embedder.Embed(picture->bytes());
  if (!embedding) return embedding.Failure(field);
  state.CountImage(embedding->cached);
  return embedding;
}

Result<std::vector<float>> EmbedText(const TextEmbedder& embedder,
                                     const std::string& text,
                                     ServiceState& state) {
  // Its first 75 tokens count; more than this is no search.
  constexpr std::size_t kMostBytes = 16 << 10;
  if (text.size() > kMostBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                "text: " + std::to_string(text.size()) + " bytes; at most " +
                    std::to_string(kMostBytes));
  }
  const auto slot = state.parts.images.Take();
  if (!slot) return slot.Failure("embedding a text");
  return embedder.Embed(text);
}

bool ReadsTextNow(const ModelCard& card, const ModelStore& models) {
  if (card.text.empty()) return false;
  const auto text = models.Find(card.text);
  return text && models.IsInstalled(*text);
}

}  // namespace ocelli
