#include "embed/pooling.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <string>

namespace ocelli {
namespace {

using Values = std::span<const float>;

// `rows` of `size` values.
std::vector<float> MeanOfRows(Values values, std::size_t rows) {
  const std::size_t size = values.size() / rows;
  std::vector<float> mean(size, 0.f);
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < size; ++i) mean[i] += values[row * size + i];
  }
  for (float& value : mean) value /= static_cast<float>(rows);
  return mean;
}

std::vector<float> MeanOfPlanes(Values values, std::size_t planes) {
  const std::size_t size = values.size() / planes;
  std::vector<float> means;
  for (std::size_t plane = 0; plane < planes; ++plane) {
    const Values pixels = values.subspan(plane * size, size);
    means.push_back(std::accumulate(pixels.begin(), pixels.end(), 0.f) /
                    static_cast<float>(size));
  }
  return means;
}

}  // namespace

Result<std::vector<std::vector<float>>> Pool(const Tensor& output,
                                             std::string_view pooling) {
  const auto& shape = output.shape;
  const std::size_t rank = pooling == "none"           ? 2
                           : pooling == "spatial-mean" ? 4
                                                       : 3;
  const bool fits =
      output.values.index() == 0 &&
      std::ranges::all_of(shape, [](std::int64_t size) { return size > 0; }) &&
      (shape.size() == rank ||
       (rank == 2 && shape.size() > 2 &&
        std::all_of(shape.begin() + 2, shape.end(),
                    [](std::int64_t size) { return size == 1; })));
  if (!fits) {
    return Fail(ErrorCode::kDataLoss,
                "its output has " + std::to_string(shape.size()) +
                    " dimensions, which pooling = \"" + std::string(pooling) +
                    "\" can't take");
  }
  const auto count = static_cast<std::size_t>(shape[0]);
  const auto groups = static_cast<std::size_t>(shape[1]);
  const std::size_t size = output.floats().size() / count;
  std::vector<std::vector<float>> embeddings;
  for (std::size_t i = 0; i < count; ++i) {
    Values one = output.floats().subspan(i * size, size);
    if (pooling == "mean-tokens") {
      embeddings.push_back(MeanOfRows(one, groups));
    } else if (pooling == "spatial-mean") {
      embeddings.push_back(MeanOfPlanes(one, groups));
    } else {
      if (pooling == "first-token") one = one.first(size / groups);
      embeddings.emplace_back(one.begin(), one.end());
    }
  }
  return embeddings;
}

}  // namespace ocelli
