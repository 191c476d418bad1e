#include "effects/box_filter.h"

#include <algorithm>
#include <cstddef>

namespace ocelli {

void BoxFilter::Apply(std::vector<float>& plane, int width, int height,
                      int radius) {
  const auto stride = static_cast<std::size_t>(width);
  const auto row = [&](std::vector<float>& pixels, int y) {
    return pixels.data() +
           static_cast<std::size_t>(std::clamp(y, 0, height - 1)) * stride;
  };
  columns_.resize(stride * static_cast<std::size_t>(height));
  sums_.assign(stride, 0);
  // Beyond the border by more than its size, pixels only repeat.
  const int down = std::min(radius, height), across = std::min(radius, width);
  for (int y = -down; y <= down; ++y) {
    const float* in = row(plane, y);
    for (std::size_t x = 0; x < stride; ++x) sums_[x] += in[x];
  }
  for (int y = 0; y < height; ++y) {
    const float* oldest = row(plane, y - down);
    const float* next = row(plane, y + down + 1);
    float* sums = sums_.data();
    float* out = row(columns_, y);
    for (std::size_t x = 0; x < stride; ++x) {
      out[x] = sums[x];
      sums[x] += next[x] - oldest[x];
    }
  }
  const double inverse = 1. / ((2. * down + 1) * (2. * across + 1));
  for (int y = 0; y < height; ++y) {
    const float* in = row(columns_, y);
    float* out = row(plane, y);
    double sum = 0;
    for (int x = -across; x <= across; ++x) {
      sum += in[std::clamp(x, 0, width - 1)];
    }
    for (int x = 0; x < width; ++x) {
      out[x] = static_cast<float>(sum * inverse);
      sum += double{in[std::min(x + across + 1, width - 1)]} -
             double{in[std::max(x - across, 0)]};
    }
  }
}

}  // namespace ocelli
