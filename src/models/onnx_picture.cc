#include "models/onnx_picture.h"

#include <algorithm>

namespace ocelli {

using Shape = std::vector<std::int64_t>;

Shape Permute(const Shape& shape, const std::array<std::size_t, 4>& order) {
  return {shape[order[0]], shape[order[1]], shape[order[2]], shape[order[3]]};
}

std::vector<float> Permute(std::span<const float> values, const Shape& shape,
                           const std::array<std::size_t, 4>& order) {
  Shape strides(4, 1);
  for (std::size_t i = 3; i-- > 0;) strides[i] = strides[i + 1] * shape[i + 1];
  const Shape size = Permute(shape, order);
  const Shape step = Permute(strides, order);
  std::vector<float> permuted;
  permuted.reserve(values.size());
  for (std::int64_t a = 0; a < size[0]; ++a) {
    for (std::int64_t b = 0; b < size[1]; ++b) {
      for (std::int64_t c = 0; c < size[2]; ++c) {
        for (std::int64_t d = 0; d < size[3]; ++d) {
          permuted.push_back(values[static_cast<std::size_t>(
              a * step[0] + b * step[1] + c * step[2] + d * step[3])]);
        }
      }
    }
  }
  return permuted;
}

bool Window::IsSound() const {
  return std::min({size, stride, dilation}) >= 1 &&
         std::max({size, stride, dilation}) <= kMax;
}

std::int64_t Window::SamePadding(std::int64_t input) const {
  const std::int64_t output = (input + stride - 1) / stride;
  return std::max<std::int64_t>(
      (output - 1) * stride + (size - 1) * dilation + 1 - input, 0);
}

}  // namespace ocelli
