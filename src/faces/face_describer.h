#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "core/geometry.h"
#include "core/image.h"
#include "core/result.h"
#include "infer/session.h"
#include "models/model_card.h"

namespace ocelli {

// Turns aligned faces into descriptors. Thread-safe.
class FaceDescriber {
 public:
  static Result<std::unique_ptr<FaceDescriber>> Open(
      const std::filesystem::path& model, const ModelCard& card,
      const SessionOptions& options);

  // One descriptor of unit length for each alignment (alignment.h), in their
  // order.
  Result<std::vector<std::vector<float>>> Describe(
      ImageView image, std::span<const Affine> alignments) const;

 private:
  FaceDescriber(ModelCard card, std::unique_ptr<Session> session);

  ModelCard card_;
  std::unique_ptr<Session> session_;
};

// The cosine of two descriptors of unit length; 0 where their sizes differ.
float CosineSimilarity(std::span<const float> a, std::span<const float> b);

}  // namespace ocelli
