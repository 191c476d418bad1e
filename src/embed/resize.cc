#include "embed/resize.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/check.h"
#include "core/clones.h"

namespace ocelli {
namespace {

// 8 bits of pixel, 2 of sum (a cubic's weights add up to more than 1 before
// the negative ones) and the rest of 32 behind the point.
constexpr int kFractionBits = 32 - 8 - 2;
constexpr std::int32_t kHalf = 1 << (kFractionBits - 1);

double Triangle(double x) {
  x = std::abs(x);
  return x < 1 ? 1 - x : 0;
}

// R. Keys, Cubic convolution interpolation for digital image processing, 1981.
double Cubic(double x) {
  constexpr double kA = -.5;
  x = std::abs(x);
  if (x < 1) return ((kA + 2) * x - (kA + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * kA;
  return 0;
}

// How the pixels of one line become those of another.
struct Weights {
  struct Span {
    int first = 0;  // Source pixel.
    int count = 0;
  };
  std::vector<Span> spans;            // One a target pixel.
  std::vector<std::int32_t> weights;  // `stride` a target pixel.
  std::size_t stride = 0;

  const std::int32_t* Of(std::size_t target) const {
    return weights.data() + target * stride;
  }
};

// For the target pixels from `first` on, of `whole` that show `source` pixels.
Weights MakeWeights(int source, int whole, int first, int count,
                    ResizeFilter filter) {
  const auto kernel = filter == ResizeFilter::kBilinear ? Triangle : Cubic;
  const double step = static_cast<double>(source) / whole;
  const double stretch = std::max(step, 1.);
  const double support =
      (filter == ResizeFilter::kBilinear ? 1. : 2.) * stretch;
  Weights made;
  made.stride = static_cast<std::size_t>(std::ceil(support)) * 2 + 1;
  made.spans.resize(static_cast<std::size_t>(count));
  made.weights.resize(made.spans.size() * made.stride);
  std::vector<double> exact(made.stride);
  for (std::size_t i = 0; i < made.spans.size(); ++i) {
    const double center = (first + static_cast<int>(i) + .5) * step;
    // NOLINTBEGIN(bugprone-incorrect-roundings): as Pillow rounds.
    const int begin = std::max(static_cast<int>(center - support + .5), 0);
    const int end = std::min(static_cast<int>(center + support + .5), source);
    // NOLINTEND(bugprone-incorrect-roundings)
    const std::size_t taps = static_cast<std::size_t>(end - begin);
    double sum = 0;
    for (std::size_t tap = 0; tap < taps; ++tap) {
      exact[tap] =
          kernel((static_cast<int>(tap) + begin - center + .5) / stretch);
      sum += exact[tap];
    }
    made.spans[i] = {begin, end - begin};
    for (std::size_t tap = 0; tap < taps; ++tap) {
      const double weight = sum != 0 ? exact[tap] / sum : exact[tap];
      made.weights[i * made.stride + tap] = static_cast<std::int32_t>(
          weight * (1 << kFractionBits) + (weight < 0 ? -.5 : .5));
    }
  }
  return made;
}

// Loops of this many steps become a few vector instructions.
constexpr std::size_t kLanes = 64;
constexpr int kBand = 16;  // Rows of 4 bytes a pixel fill the lanes.

// Up to sixteen rows side by side: a column is 64 bytes, four a row (red,
// green, blue and one unused).
void Interleave(ImageView image, int first_row, int rows, std::uint8_t* band) {
  const bool colour = image.format == PixelFormat::kRgb8;
  for (int row = 0; row < rows; ++row) {
    const std::uint8_t* source = image.Row(first_row + row);
    std::uint8_t* target = band + std::ptrdiff_t{4} * row;
    // Four bytes at once while there is a pixel to the right.
    int x = 0;
    for (; colour && x + 1 < image.width; ++x, target += kLanes, source += 3) {
      std::memcpy(target, source, 4);
    }
    for (; x < image.width; ++x, target += kLanes) {
      for (int c = 0; c < 3; ++c) target[c] = source[colour ? c : 0];
      source += colour ? 3 : 1;
    }
  }
}

// `count` lines of 64 bytes, `step` bytes apart, weighted and added up.
[[gnu::always_inline]] inline void AddUp(const std::uint8_t* lines,
                                         std::size_t step, int count,
                                         const std::int32_t* weights,
                                         std::uint8_t* out) {
  std::int32_t sums[kLanes];
  for (std::int32_t& sum : sums) sum = kHalf;
  for (int line = 0; line < count; ++line, lines += step) {
    const std::int32_t weight = weights[line];
    for (std::size_t i = 0; i < kLanes; ++i) sums[i] += lines[i] * weight;
  }
  for (std::size_t i = 0; i < kLanes; ++i) {
    out[i] =
        static_cast<std::uint8_t>(std::clamp(sums[i] >> kFractionBits, 0, 255));
  }
}

// One band of rows, its columns weighted.
OCELLI_CLONES void ShrinkRows(const std::uint8_t* band, const Weights& weights,
                              std::uint8_t* out) {
  for (std::size_t i = 0; i < weights.spans.size(); ++i) {
    const auto [first, count] = weights.spans[i];
    AddUp(band + static_cast<std::size_t>(first) * kLanes, kLanes, count,
          weights.Of(i), out + i * kLanes);
  }
}

// One target row of `size` bytes (a multiple of the lanes) from `count` rows
// that follow each other.
OCELLI_CLONES void ShrinkColumns(const std::uint8_t* rows, std::size_t size,
                                 int count, const std::int32_t* weights,
                                 std::uint8_t* out) {
  for (std::size_t i = 0; i < size; i += kLanes) {
    AddUp(rows + i, size, count, weights, out + i);
  }
}

}  // namespace

Image Resize(ImageView image, int width, int height, ResizeFilter filter,
             const ResizeWindow& window) {
  OCELLI_CHECK(!image.empty() && window.x >= 0 && window.y >= 0 &&
               window.width > 0 && window.height > 0 &&
               window.x + window.width <= width &&
               window.y + window.height <= height);
  const Weights across =
      MakeWeights(image.width, width, window.x, window.width, filter);
  const Weights down =
      MakeWeights(image.height, height, window.y, window.height, filter);
  // Only the rows that the window needs.
  const int first_row = down.spans.front().first;
  const int last_row = down.spans.back().first + down.spans.back().count;

  const auto columns = static_cast<std::size_t>(window.width);
  const std::size_t row_size = (columns * 3 + 1 + kLanes - 1) / kLanes * kLanes;
  std::vector<std::uint8_t> rows(
      static_cast<std::size_t>(last_row - first_row) * row_size);
  std::vector<std::uint8_t> band(static_cast<std::size_t>(image.width) *
                                 kLanes);
  std::vector<std::uint8_t> shrunk(columns * kLanes);
  for (int y = first_row; y < last_row; y += kBand) {
    const int count = std::min(kBand, last_row - y);
    Interleave(image, y, count, band.data());
    ShrinkRows(band.data(), across, shrunk.data());
    for (int row = 0; row < count; ++row) {
      std::uint8_t* target =
          rows.data() +
          static_cast<std::size_t>(y - first_row + row) * row_size;
      const std::uint8_t* source = shrunk.data() + std::ptrdiff_t{4} * row;
      // The fourth byte is the next pixel's first.
      for (std::size_t x = 0; x < columns; ++x) {
        std::memcpy(target + x * 3, source + x * kLanes, 4);
      }
    }
  }

  Image out(window.width, window.height, PixelFormat::kRgb8);
  std::vector<std::uint8_t> line(row_size);
  for (int y = 0; y < window.height; ++y) {
    const auto [first, count] = down.spans[static_cast<std::size_t>(y)];
    ShrinkColumns(
        rows.data() + static_cast<std::size_t>(first - first_row) * row_size,
        row_size, count, down.Of(static_cast<std::size_t>(y)), line.data());
    std::memcpy(out.view().Row(y), line.data(), columns * 3);
  }
  return out;
}

Image Resize(ImageView image, int width, int height, ResizeFilter filter) {
  return Resize(image, width, height, filter, {0, 0, width, height});
}

}  // namespace ocelli
