#include "faces/face_describer.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "faces/alignment.h"
#include "faces/model_input.h"

namespace ocelli {
namespace {

// Scales to unit length. False where there is no direction.
bool Normalize(std::vector<float>& descriptor) {
  const float square = std::inner_product(descriptor.begin(), descriptor.end(),
                                          descriptor.begin(), 0.f);
  if (!(square > 0) || !std::isfinite(square)) return false;
  const float scale = 1 / std::sqrt(square);
  for (float& value : descriptor) value *= scale;
  return true;
}

}  // namespace

float CosineSimilarity(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return 0;
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.f);
}

FaceDescriber::FaceDescriber(ModelCard card, std::unique_ptr<Session> session)
    : card_(std::move(card)), session_(std::move(session)) {}

Result<std::unique_ptr<FaceDescriber>> FaceDescriber::Open(
    const std::filesystem::path& model, const ModelCard& card,
    const SessionOptions& options) {
  if (card.task != "face-descriptor" || card.input.width != kAlignedSide ||
      card.input.height != kAlignedSide || card.outputs.size() != 1) {
    return Fail(ErrorCode::kInvalidArgument,
                card.name + " is no face descriptor of 112 x 112 pixels");
  }
  auto session = OpenModel(model, card, options);
  if (!session) return session.Failure();
  return std::unique_ptr<FaceDescriber>(
      new FaceDescriber(card, std::move(*session)));
}

Result<std::vector<std::vector<float>>> FaceDescriber::Describe(
    ImageView image, std::span<const Affine> alignments) const {
  const std::size_t limit = static_cast<std::size_t>(BatchLimit(*session_));
  std::vector<std::vector<float>> descriptors;
  descriptors.reserve(alignments.size());
  while (descriptors.size() < alignments.size()) {
    const auto batch = alignments.subspan(
        descriptors.size(),
        std::min(limit, alignments.size() - descriptors.size()));
    Tensor input = MakeInput(card_, static_cast<int>(batch.size()),
                             kAlignedSide, kAlignedSide);
    const std::size_t size = input.floats().size() / batch.size();
    for (std::size_t i = 0; i < batch.size(); ++i) {
      SampleReduced(image, batch[i], kAlignedSide, kAlignedSide, Border::kBlack,
                    EncodingOf(card_), input.floats().subspan(i * size, size));
    }
    const auto outputs = RunModel(*session_, card_, input);
    if (!outputs) return outputs.Failure();
    const std::span<const float> values = (*outputs)[0].floats();
    const std::size_t dimension = values.size() / batch.size();
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto one = values.subspan(i * dimension, dimension);
      std::vector<float> descriptor(one.begin(), one.end());
      if (!Normalize(descriptor)) {
        return Fail(ErrorCode::kDataLoss,
                    "model " + card_.name + " gives a descriptor of no length");
      }
      descriptors.push_back(std::move(descriptor));
    }
  }
  return descriptors;
}

}  // namespace ocelli
