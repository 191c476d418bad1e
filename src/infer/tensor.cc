#include <functional>
#include <numeric>

#include "infer/session.h"

namespace ocelli {

Tensor Tensor::Floats(std::vector<std::int64_t> shape) {
  const auto count = std::accumulate(shape.begin(), shape.end(),
                                     std::int64_t{1}, std::multiplies<>());
  return {std::move(shape),
          std::vector<float>(static_cast<std::size_t>(count))};
}

}  // namespace ocelli
