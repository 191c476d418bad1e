#include "embed/image_embedder.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "embed/model_picture.h"
#include "embed/pooling.h"
#include "models/card_session.h"

namespace ocelli {

bool Normalize(std::span<float> vector) {
  const double square =
      std::accumulate(vector.begin(), vector.end(), 0.,
                      [](double sum, float x) { return sum + double{x} * x; });
  if (!(square > 0) || !std::isfinite(square)) return false;
  const double scale = 1 / std::sqrt(square);
  for (float& value : vector) value = static_cast<float>(value * scale);
  return true;
}

ImageEmbedder::ImageEmbedder(ModelCard card, std::unique_ptr<Session> session)
    : card_(std::move(card)), session_(std::move(session)) {}

Result<ModelCard> FindImageEmbedder(const ModelStore& models,
                                    std::string_view name) {
  auto card = models.Find(name);
  if (!card) return card.Failure();
  if (card->task == "image-embedding") return card;
  std::string names;
  for (const ModelCard& known : models.cards()) {
    if (known.task == "image-embedding") names += " " + known.name;
  }
  return Fail(ErrorCode::kInvalidArgument,
              card->name + " is a model for " + card->task +
                  ", not for image embeddings; these are:" + names);
}

int DimensionOf(const ModelCard& card) {
  return static_cast<int>(ParameterOf(card, "dimension", 0));
}

Result<std::unique_ptr<ImageEmbedder>> ImageEmbedder::Open(
    const ModelStore& models, const ModelCard& card,
    const EmbedderOptions& options) {
  if (card.task != "image-embedding" || card.outputs.size() != 1 ||
      card.input.width == 0 || card.input.height == 0 ||
      DimensionOf(card) <= 0) {
    return Fail(ErrorCode::kInvalidArgument,
                card.name +
                    " is no image embedder: its card needs task = "
                    "\"image-embedding\", width, height, one output and "
                    "parameters.dimension");
  }
  const auto path = models.PathOf(card);
  if (!path) return path.Failure();
  auto session = OpenModel(
      *path, card, {.threads = options.threads, .provider = options.provider});
  if (!session) return session.Failure();
  return std::unique_ptr<ImageEmbedder>(
      new ImageEmbedder(card, std::move(*session)));
}

Result<Tensor> ImageEmbedder::Prepare(std::span<const ImageView> images) const {
  const ModelCard::Input& input = card_.input;
  std::vector<std::int64_t> shape = {static_cast<std::int64_t>(images.size()),
                                     input.height, input.width, 3};
  if (input.layout == "NCHW")
    std::rotate(shape.begin() + 1, shape.begin() + 3, shape.end());
  const std::size_t size = 3 * static_cast<std::size_t>(input.width) *
                           static_cast<std::size_t>(input.height);
  Tensor tensor{std::move(shape), {}};
  if (session_->inputs()[0].type == "uint8") {
    tensor.values = std::vector<std::uint8_t>(images.size() * size);
  } else {
    tensor.values = std::vector<float>(images.size() * size);
  }
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (images[i].empty()) {
      return Fail(ErrorCode::kInvalidArgument, "a picture without pixels");
    }
    const auto picture = FitPicture(images[i], input);
    if (!picture) return picture.Failure();
    std::visit(
        [&](auto& values) {
          using T = typename std::decay_t<decltype(values)>::value_type;
          if constexpr (!std::is_same_v<T, std::int64_t>) {
            EncodePicture(*picture, input,
                          std::span(values).subspan(i * size, size));
          }
        },
        tensor.values);
  }
  return tensor;
}

Result<std::vector<std::vector<float>>> ImageEmbedder::Embed(
    std::span<const ImageView> images) const {
  const auto limit = static_cast<std::size_t>(BatchLimit(*session_));
  std::vector<std::vector<float>> embeddings;
  while (embeddings.size() < images.size()) {
    const auto batch = images.subspan(
        embeddings.size(), std::min(limit, images.size() - embeddings.size()));
    const auto input = Prepare(batch);
    if (!input) return input.Failure();
    const auto outputs = RunModel(*session_, card_, *input);
    if (!outputs) return outputs.Failure();
    auto pooled = Pool((*outputs)[0], card_.pooling);
    if (!pooled) return pooled.Failure("model " + card_.name);
    if (pooled->size() != batch.size()) {
      return Fail(ErrorCode::kDataLoss,
                  "model " + card_.name + " answers " +
                      std::to_string(pooled->size()) + " embeddings for " +
                      std::to_string(batch.size()) + " pictures");
    }
    for (std::vector<float>& embedding : *pooled) {
      if (embedding.size() != static_cast<std::size_t>(DimensionOf(card_)) ||
          !Normalize(embedding)) {
        return Fail(ErrorCode::kDataLoss,
                    "model " + card_.name + " gives " +
                        std::to_string(embedding.size()) +
                        " numbers without a direction, its card says " +
                        std::to_string(DimensionOf(card_)));
      }
      embeddings.push_back(std::move(embedding));
    }
  }
  return embeddings;
}

Result<std::vector<float>> ImageEmbedder::Embed(ImageView image) const {
  auto embeddings = Embed(std::span(&image, 1));
  if (!embeddings) return embeddings.Failure();
  return std::move(embeddings->front());
}

}  // namespace ocelli
