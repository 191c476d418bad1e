#pragma once

#include <string_view>
#include <vector>

#include "core/result.h"
#include "infer/session.h"

namespace ocelli {

// One embedding a picture of the batch from a model's output, by the card's
// `pooling`: "none" takes [N, D] (or [N, D, 1, 1]), "first-token" and
// "mean-tokens" [N, T, D], "spatial-mean" [N, C, H, W]. kDataLoss where the
// output has another shape.
Result<std::vector<std::vector<float>>> Pool(const Tensor& output,
                                             std::string_view pooling);

}  // namespace ocelli
