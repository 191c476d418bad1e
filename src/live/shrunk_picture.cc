#include "live/shrunk_picture.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace ocelli {
namespace {

// What of `from` samples in a row one of `to` covers: `first` and the last by
// a part, those between in whole. Weights add up to 1.
struct Cover {
  int first = 0, last = 0;
  float first_weight = 0, whole_weight = 0, last_weight = 0;

  float WeightOf(int sample) const {
    return sample == first  ? first_weight
           : sample == last ? last_weight
                            : whole_weight;
  }
};

std::vector<Cover> CoversOf(int from, int to) {
  const double step = static_cast<double>(from) / to;
  std::vector<Cover> covers(static_cast<std::size_t>(to));
  for (int i = 0; i < to; ++i) {
    const double begin = i * step, end = (i + 1) * step;
    Cover& cover = covers[static_cast<std::size_t>(i)];
    cover.first = std::min(static_cast<int>(begin), from - 1);
    cover.last =
        std::clamp(static_cast<int>(std::ceil(end)) - 1, cover.first, from - 1);
    cover.whole_weight = static_cast<float>(1 / step);
    if (cover.first == cover.last) {
      cover.first_weight = 1;
      continue;
    }
    cover.first_weight = static_cast<float>((cover.first + 1 - begin) / step);
    cover.last_weight = static_cast<float>((end - cover.last) / step);
  }
  return covers;
}

void AddRow(const std::uint8_t* __restrict row, int count, float weight,
            float* __restrict sums) {
  for (int x = 0; x < count; ++x) {
    sums[x] += weight * static_cast<float>(row[x]);
  }
}

void ShrinkPlane(ImageView from, MutableImageView to) {
  const auto across = CoversOf(from.width, to.width);
  const auto down = CoversOf(from.height, to.height);
  std::vector<float> sums(static_cast<std::size_t>(from.width));
  for (int y = 0; y < to.height; ++y) {
    const Cover& rows = down[static_cast<std::size_t>(y)];
    std::fill(sums.begin(), sums.end(), 0.f);
    for (int row = rows.first; row <= rows.last; ++row) {
      AddRow(from.Row(row), from.width, rows.WeightOf(row), sums.data());
    }
    std::uint8_t* const line = to.Row(y);
    for (int x = 0; x < to.width; ++x) {
      const Cover& columns = across[static_cast<std::size_t>(x)];
      float whole = 0;
      for (int i = columns.first + 1; i < columns.last; ++i) {
        whole += sums[static_cast<std::size_t>(i)];
      }
      const float sum =
          whole * columns.whole_weight +
          sums[static_cast<std::size_t>(columns.first)] * columns.first_weight +
          sums[static_cast<std::size_t>(columns.last)] * columns.last_weight;
      line[x] = static_cast<std::uint8_t>(std::clamp(sum + .5f, 0.f, 255.f));
    }
  }
}

}  // namespace

ImageSize SizeWithin(ImageSize size, int max_side) {
  const int longer = std::max(size.width, size.height);
  if (max_side <= 0 || longer <= max_side) return size;
  const double scale = static_cast<double>(max_side) / longer;
  const auto scaled = [&](int side) {
    return std::max(static_cast<int>(std::lround(side * scale)), 1);
  };
  return {scaled(size.width), scaled(size.height)};
}

YuvImage Within(const YuvImage& pixels, int max_side) {
  const ImageSize whole = {pixels.width(), pixels.height()};
  const ImageSize size = SizeWithin(whole, max_side);
  if (size == whole || pixels.empty()) return pixels;
  YuvImage smaller(size.width, size.height, pixels.color());
  const YuvView from = pixels.view();
  const MutableYuvView to = smaller.MutableView();
  ShrinkPlane(from.LumaPlane(), to.LumaPlane());
  ShrinkPlane(from.UPlane(), to.UPlane());
  ShrinkPlane(from.VPlane(), to.VPlane());
  return smaller;
}

}  // namespace ocelli
