#include "faces/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/check.h"
#include "core/clones.h"

namespace ocelli {
namespace {

// NaN becomes 0.
float Clamp(float value, float last) {
  value = value > 0 ? value : 0;
  return value < last ? value : last;
}

// Where the pixels of a stretch of a row come from.
struct Stretch {
  static constexpr int kSize = 64;
  std::array<std::int32_t, kSize> x, y;   // Upper left neighbour.
  std::array<float, kSize> right, lower;  // Weights of the other neighbours.
  std::array<float, kSize> inside;        // 0 where black, else 1.
};

struct Position {
  float x, y;
};

OCELLI_CLONES
void Locate(Position start, Position step, ImageView image, Border border,
            Stretch& stretch) {
  const float last_x = static_cast<float>(image.width - 1);
  const float last_y = static_cast<float>(image.height - 1);
  for (std::size_t i = 0; i < Stretch::kSize; ++i) {
    const float along = static_cast<float>(i);
    const float x = Clamp(start.x + along * step.x, last_x);
    const float y = Clamp(start.y + along * step.y, last_y);
    stretch.x[i] = static_cast<std::int32_t>(x);
    stretch.y[i] = static_cast<std::int32_t>(y);
    stretch.right[i] = x - static_cast<float>(stretch.x[i]);
    stretch.lower[i] = y - static_cast<float>(stretch.y[i]);
  }
  if (border == Border::kReplicate) {
    stretch.inside.fill(1);
    return;
  }
  for (std::size_t i = 0; i < Stretch::kSize; ++i) {
    const float along = static_cast<float>(i);
    const float x = start.x + along * step.x;
    const float y = start.y + along * step.y;
    const bool in =
        x >= -.5f && y >= -.5f && x <= last_x + .5f && y <= last_y + .5f;
    stretch.inside[i] = in ? 1.f : 0.f;
  }
}

struct Target {
  std::array<float*, 3> channel;  // First value of the stretch.
  std::size_t step;               // From pixel to pixel.
};

template <int kChannels>
void Blend(ImageView image, const Stretch& stretch, std::size_t count,
           float scale, float bias, const Target& target) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t x = stretch.x[i], y = stretch.y[i];
    const std::uint8_t* upper = image.Row(y) + x * kChannels;
    const std::uint8_t* lower =
        upper + (y + 1 < image.height ? image.stride : 0);
    const std::ptrdiff_t next = x + 1 < image.width ? kChannels : 0;
    const float gain = scale * stretch.inside[i];
    const float below = gain * stretch.lower[i], above = gain - below;
    const float above_right = above * stretch.right[i];
    const float below_right = below * stretch.right[i];
    const float above_left = above - above_right;
    const float below_left = below - below_right;
    for (int channel = 0; channel < 3; ++channel) {
      const int source = channel % kChannels;
      target.channel[static_cast<std::size_t>(channel)][i * target.step] =
          above_left * static_cast<float>(upper[source]) +
          above_right * static_cast<float>(upper[source + next]) +
          below_left * static_cast<float>(lower[source]) +
          below_right * static_cast<float>(lower[source + next]) + bias;
    }
  }
}

// The upright rectangle of the picture that a width x height input sees.
RectF BoundsOf(const Affine& to_image, int width, int height) {
  const float w = static_cast<float>(width), h = static_cast<float>(height);
  const float left =
      std::min(0.f, to_image.a * w) + std::min(0.f, to_image.b * h);
  const float right =
      std::max(0.f, to_image.a * w) + std::max(0.f, to_image.b * h);
  const float top =
      std::min(0.f, to_image.c * w) + std::min(0.f, to_image.d * h);
  const float bottom =
      std::max(0.f, to_image.c * w) + std::max(0.f, to_image.d * h);
  return {to_image.tx + left, to_image.ty + top, right - left, bottom - top};
}

}  // namespace

void Sample(ImageView image, const Affine& to_image, int width, int height,
            Border border, const PixelEncoding& encoding,
            std::span<float> out) {
  const std::size_t plane =
      static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  OCELLI_CHECK(!image.empty() && out.size() == 3 * plane);
  const float bias = -encoding.mean * encoding.scale;
  const std::size_t step = encoding.planar ? 1 : 3;
  const std::size_t channel_step = encoding.planar ? plane : 1;
  const auto blend = image.format == PixelFormat::kRgb8 ? Blend<3> : Blend<1>;
  Stretch stretch;
  for (int row = 0; row < height; ++row) {
    for (int column = 0; column < width; column += Stretch::kSize) {
      // In double: a coordinate of 10,000 px leaves a float 1/1000 px.
      const double u = column + .5, v = row + .5;
      Locate({static_cast<float>(double{to_image.a} * u +
                                 double{to_image.b} * v + to_image.tx - .5),
              static_cast<float>(double{to_image.c} * u +
                                 double{to_image.d} * v + to_image.ty - .5)},
             {to_image.a, to_image.c}, image, border, stretch);
      float* first = out.data() +
                     static_cast<std::size_t>(row) *
                         static_cast<std::size_t>(width) * step +
                     static_cast<std::size_t>(column) * step;
      Target target{{first, first + channel_step, first + 2 * channel_step},
                    step};
      if (encoding.blue_first) std::swap(target.channel[0], target.channel[2]);
      const int count = std::min(Stretch::kSize, width - column);
      blend(image, stretch, static_cast<std::size_t>(count), encoding.scale,
            bias, target);
    }
  }
}

Image Shrink(ImageView image, int factor) {
  OCELLI_CHECK(factor >= 1 && factor <= 256);
  if (factor == 1) return CopyOf(image);
  const int channels = Channels(image.format);
  const int width = (image.width + factor - 1) / factor;
  const int height = (image.height + factor - 1) / factor;
  Image small(width, height, image.format);
  const std::size_t row_size = static_cast<std::size_t>(image.width) *
                               static_cast<std::size_t>(channels);
  // 256 rows of 255 fit 16 bits.
  std::vector<std::uint16_t> sums(row_size);
  for (int row = 0; row < height; ++row) {
    const int first_row = row * factor;
    const int rows = std::min(factor, image.height - first_row);
    std::fill(sums.begin(), sums.end(), std::uint16_t{0});
    for (int y = first_row; y < first_row + rows; ++y) {
      const std::uint8_t* source = image.Row(y);
      for (std::size_t i = 0; i < row_size; ++i) {
        sums[i] = static_cast<std::uint16_t>(sums[i] + source[i]);
      }
    }
    std::uint8_t* target = small.view().Row(row);
    for (int column = 0; column < width; ++column) {
      const int first = column * factor;
      const int columns = std::min(factor, image.width - first);
      const float scale = 1.f / static_cast<float>(rows * columns);
      for (int channel = 0; channel < channels; ++channel) {
        const std::uint16_t* cell = sums.data() + first * channels + channel;
        std::uint32_t sum = 0;
        for (int i = 0; i < columns; ++i) sum += cell[i * channels];
        *target++ =
            static_cast<std::uint8_t>(static_cast<float>(sum) * scale + .5f);
      }
    }
  }
  return small;
}

void SampleReduced(ImageView image, const Affine& to_image, int width,
                   int height, Border border, const PixelEncoding& encoding,
                   std::span<float> out) {
  const float reduction =
      std::sqrt(std::abs(to_image.a * to_image.d - to_image.b * to_image.c));
  const int factor = static_cast<int>(Clamp(reduction, 256));
  const RectF seen =
      ClipTo(BoundsOf(to_image, width, height), image.width, image.height);
  const int left = static_cast<int>(seen.x), top = static_cast<int>(seen.y);
  const ImageView part =
      image.Crop(left, top, static_cast<int>(std::ceil(seen.right())) - left,
                 static_cast<int>(std::ceil(seen.bottom())) - top);
  if (factor < 2 || part.empty()) {
    Sample(image, to_image, width, height, border, encoding, out);
    return;
  }
  const float unit = 1 / static_cast<float>(factor);
  const float dx = static_cast<float>(left), dy = static_cast<float>(top);
  Sample(Shrink(part, factor),
         {to_image.a * unit, to_image.b * unit, (to_image.tx - dx) * unit,
          to_image.c * unit, to_image.d * unit, (to_image.ty - dy) * unit},
         width, height, border, encoding, out);
}

}  // namespace ocelli
