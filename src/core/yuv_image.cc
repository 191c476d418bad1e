#include "core/yuv_image.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <new>
#include <vector>

#include "core/check.h"
#include "core/clones.h"

namespace ocelli {
namespace {

constexpr std::size_t kAlignment = 64;

std::ptrdiff_t AlignedStride(int width) {
  return (std::ptrdiff_t{width} + 63) / 64 * 64;
}

void CopyPlane(ImageView from, MutableImageView to) {
  for (int row = 0; row < from.height; ++row) {
    std::memcpy(to.Row(row), from.Row(row),
                static_cast<std::size_t>(from.width));
  }
}

// Fixed point of 1/65536: R = luma * (Y - black) + red_v * (V - 128), and so
// on. From Kr and Kb of ITU-R BT.601-7 and BT.709-6.
struct ToRgbFactors {
  int black, luma, red_v, green_u, green_v, blue_u;
};

struct Primaries {
  double red, blue;
};

Primaries PrimariesOf(YuvColor color) {
  return color.matrix == YuvColor::Matrix::kBt601 ? Primaries{.299, .114}
                                                  : Primaries{.2126, .0722};
}

ToRgbFactors FactorsOf(YuvColor color) {
  const auto [red, blue] = PrimariesOf(color);
  const double green = 1 - red - blue;
  const double luma = color.full_range ? 1. : 255. / 219;
  const double chroma = color.full_range ? 1. : 255. / 224;
  const auto fixed = [](double value) {
    return static_cast<int>(std::lround(value * 65536));
  };
  return {color.full_range ? 0 : 16,
          fixed(luma),
          fixed(chroma * 2 * (1 - red)),
          fixed(-chroma * 2 * blue * (1 - blue) / green),
          fixed(-chroma * 2 * red * (1 - red) / green),
          fixed(chroma * 2 * (1 - blue))};
}

std::uint8_t Fixed(int value) {
  return static_cast<std::uint8_t>(std::clamp((value + 32768) >> 16, 0, 255));
}

// `count` pixels of planes, each as wide as the picture, as RGB.
OCELLI_CLONES
void WriteRgb(const ToRgbFactors& factors, const std::uint8_t* y,
              const std::uint8_t* u, const std::uint8_t* v, int count,
              std::uint8_t* rgb) {
  const ToRgbFactors f = factors;
  for (int i = 0; i < count; ++i) {
    const int luma = f.luma * (y[i] - f.black);
    const int blue = u[i] - 128, red = v[i] - 128;
    rgb[3 * i] = Fixed(luma + f.red_v * red);
    rgb[3 * i + 1] = Fixed(luma + f.green_u * blue + f.green_v * red);
    rgb[3 * i + 2] = Fixed(luma + f.blue_u * blue);
  }
}

// Each sample twice, from the luma column `left` on.
void Widen(const std::uint8_t* chroma, int left, int width,
           std::uint8_t* wide) {
  int x = 0;
  if (left % 2 != 0 && width > 0) wide[x++] = chroma[left / 2];
  const std::uint8_t* next = chroma + (left + x) / 2;
  for (; x + 1 < width; x += 2, ++next) wide[x] = wide[x + 1] = *next;
  if (x < width) wide[x] = *next;
}

OCELLI_CLONES
void AddRow(const std::uint8_t* row, int count, std::uint16_t* sums) {
  for (int i = 0; i < count; ++i) {
    sums[i] = static_cast<std::uint16_t>(sums[i] + row[i]);
  }
}

// Neighbours added up.
OCELLI_CLONES
void AddPairs(const std::uint16_t* sums, int pairs, std::uint16_t* out) {
  for (int i = 0; i < pairs; ++i) {
    out[i] = static_cast<std::uint16_t>(sums[2 * i] + sums[2 * i + 1]);
  }
}

// Each as sum / pixels, rounded. Exact up to 128 * 128 pixels: what float loses
// is less than half of 1 / pixels.
OCELLI_CLONES
void Divide(const int* sums, int count, int pixels, std::uint8_t* means) {
  const float inverse = 1 / static_cast<float>(pixels);
  const int half = pixels / 2;
  for (int i = 0; i < count; ++i) {
    means[i] = static_cast<std::uint8_t>(
        (static_cast<float>(sums[i] + half) + .5f) * inverse);
  }
}

// The means of `block` columns each, of `rows` pixels; the last block may be
// narrower.
void WriteMeans(const std::uint16_t* sums, int count, int block, int rows,
                std::vector<int>& blocks, std::uint8_t* means) {
  const int whole = count / block;
  blocks.assign(static_cast<std::size_t>(whole) + 1, 0);
  for (int i = 0; i < block; ++i) {
    for (int x = 0; x < whole; ++x) {
      blocks[static_cast<std::size_t>(x)] += sums[x * block + i];
    }
  }
  for (int x = whole * block; x < count; ++x) blocks.back() += sums[x];
  Divide(blocks.data(), whole, rows * block, means);
  if (count > whole * block) {
    Divide(&blocks.back(), 1, rows * (count - whole * block), means + whole);
  }
}

struct YuvF {
  float y, u, v;
};

YuvF YuvOf(float red, float green, float blue, YuvColor color) {
  const auto primaries = PrimariesOf(color);
  const auto kr = static_cast<float>(primaries.red);
  const auto kb = static_cast<float>(primaries.blue);
  const float luma = kr * red + (1 - kr - kb) * green + kb * blue;
  const float y_scale = color.full_range ? 1.f : 219.f / 255;
  const float c_scale = color.full_range ? 1.f : 224.f / 255;
  return {luma * y_scale + (color.full_range ? 0.f : 16.f),
          (blue - luma) / (2 * (1 - kb)) * c_scale + 128,
          (red - luma) / (2 * (1 - kr)) * c_scale + 128};
}

std::uint8_t Rounded(float value) {
  return static_cast<std::uint8_t>(std::clamp(value + .5f, 0.f, 255.f));
}

}  // namespace

YuvImage::YuvImage(int width, int height, YuvColor color) {
  OCELLI_CHECK(width >= 0 && height >= 0);
  view_.width = width;
  view_.height = height;
  view_.color = color;
  view_.y_stride = AlignedStride(width);
  view_.uv_stride = AlignedStride(view_.chroma_width());
  const auto luma = static_cast<std::size_t>(view_.y_stride) *
                    static_cast<std::size_t>(height);
  const auto chroma = static_cast<std::size_t>(view_.uv_stride) *
                      static_cast<std::size_t>(view_.chroma_height());
  pixels_ = static_cast<std::uint8_t*>(
      ::operator new (luma + 2 * chroma, std::align_val_t{kAlignment}));
  owner_ = std::shared_ptr<void>(pixels_, [](void* pixels) {
    ::operator delete (pixels, std::align_val_t{kAlignment});
  });
  view_.y = pixels_;
  view_.u = pixels_ + luma;
  view_.v = pixels_ + luma + chroma;
}

YuvImage::YuvImage(YuvView pixels, std::shared_ptr<const void> owner)
    : view_(pixels), owner_(std::move(owner)) {}

MutableYuvView YuvImage::MutableView() {
  if (!pixels_ || owner_.use_count() > 1) {
    YuvImage copy(view_.width, view_.height, view_.color);
    const MutableYuvView to = copy.MutableView();
    CopyPlane(view_.LumaPlane(), to.LumaPlane());
    CopyPlane(view_.UPlane(), to.UPlane());
    CopyPlane(view_.VPlane(), to.VPlane());
    *this = std::move(copy);
  }
  return {pixels_,
          pixels_ + (view_.u - view_.y),
          pixels_ + (view_.v - view_.y),
          view_.width,
          view_.height,
          view_.y_stride,
          view_.uv_stride,
          view_.color};
}

Image ToRgb(YuvView yuv, int x, int y, int width, int height) {
  const ImageView luma = yuv.LumaPlane().Crop(x, y, width, height);
  Image image(luma.width, luma.height, PixelFormat::kRgb8);
  const int left = std::clamp(x, 0, yuv.width);
  const int top = std::clamp(y, 0, yuv.height);
  const ToRgbFactors factors = FactorsOf(yuv.color);
  const ImageView u = yuv.UPlane(), v = yuv.VPlane();
  // Chroma as wide as luma.
  std::vector<std::uint8_t> wide(2 * static_cast<std::size_t>(luma.width));
  std::uint8_t* wide_u = wide.data();
  std::uint8_t* wide_v = wide.data() + luma.width;
  for (int row = 0; row < luma.height; ++row) {
    if (row == 0 || (top + row) % 2 == 0) {
      Widen(u.Row((top + row) / 2), left, luma.width, wide_u);
      Widen(v.Row((top + row) / 2), left, luma.width, wide_v);
    }
    WriteRgb(factors, luma.Row(row), wide_u, wide_v, luma.width,
             image.view().Row(row));
  }
  return image;
}

Image ToRgb(YuvView yuv) { return ToRgb(yuv, 0, 0, yuv.width, yuv.height); }

Image ShrinkToRgb(YuvView yuv, int half) {
  OCELLI_CHECK(half >= 1 && half <= 64);
  const ToRgbFactors factors = FactorsOf(yuv.color);
  const int chroma_width = yuv.chroma_width();
  const int width = (chroma_width + half - 1) / half;
  const int height = (yuv.chroma_height() + half - 1) / half;
  Image image(width, height, PixelFormat::kRgb8);
  // 2 x 128 pixels of 255 fit 16 bits. Luma of odd width counts its last column
  // twice, luma of odd height its last row.
  const auto columns = static_cast<std::size_t>(chroma_width);
  std::vector<std::uint16_t> sums(5 * columns);
  std::uint16_t* luma_sums = sums.data();
  std::uint16_t* u_sums = luma_sums + 2 * columns;
  std::uint16_t* v_sums = u_sums + columns;
  std::uint16_t* luma_pairs = v_sums + columns;
  const auto out_columns = static_cast<std::size_t>(width);
  std::vector<std::uint8_t> means(3 * out_columns);
  std::uint8_t* y = means.data();
  std::uint8_t* u = y + out_columns;
  std::uint8_t* v = u + out_columns;
  std::vector<int> blocks;
  for (int row = 0; row < height; ++row) {
    std::fill(sums.begin(), sums.end(), std::uint16_t{0});
    const int first = row * half;
    const int rows = std::min(half, yuv.chroma_height() - first);
    for (int i = first; i < first + rows; ++i) {
      const std::uint8_t* upper = yuv.y + 2 * i * yuv.y_stride;
      const bool whole = 2 * i + 1 < yuv.height;
      AddRow(upper, yuv.width, luma_sums);
      AddRow(whole ? upper + yuv.y_stride : upper, yuv.width, luma_sums);
      AddRow(yuv.u + i * yuv.uv_stride, chroma_width, u_sums);
      AddRow(yuv.v + i * yuv.uv_stride, chroma_width, v_sums);
    }
    if (yuv.width % 2 != 0) luma_sums[yuv.width] = luma_sums[yuv.width - 1];
    AddPairs(luma_sums, chroma_width, luma_pairs);
    WriteMeans(luma_pairs, chroma_width, half, 4 * rows, blocks, y);
    WriteMeans(u_sums, chroma_width, half, rows, blocks, u);
    WriteMeans(v_sums, chroma_width, half, rows, blocks, v);
    WriteRgb(factors, y, u, v, width, image.view().Row(row));
  }
  return image;
}

YuvPixel ToYuv(std::uint8_t red, std::uint8_t green, std::uint8_t blue,
               YuvColor color) {
  const YuvF yuv = YuvOf(red, green, blue, color);
  return {Rounded(yuv.y), Rounded(yuv.u), Rounded(yuv.v)};
}

YuvImage ToYuv(ImageView image, YuvColor color) {
  YuvImage yuv(image.width, image.height, color);
  const MutableYuvView out = yuv.MutableView();
  const int blue = image.format == PixelFormat::kRgb8 ? 2 : 0;
  for (int y = 0; y < image.height; y += 2) {
    for (int x = 0; x < image.width; x += 2) {
      const int rows = std::min(2, image.height - y);
      const int columns = std::min(2, image.width - x);
      YuvF sum = {0, 0, 0};
      for (int i = 0; i < rows * columns; ++i) {
        const int px = x + i % columns, py = y + i / columns;
        const std::uint8_t* pixel = image.Pixel(px, py);
        const YuvF one = YuvOf(pixel[0], pixel[blue / 2], pixel[blue], color);
        out.y[py * out.y_stride + px] = Rounded(one.y);
        sum.u += one.u;
        sum.v += one.v;
      }
      const auto count = static_cast<float>(rows * columns);
      out.u[y / 2 * out.uv_stride + x / 2] = Rounded(sum.u / count);
      out.v[y / 2 * out.uv_stride + x / 2] = Rounded(sum.v / count);
    }
  }
  return yuv;
}

}  // namespace ocelli
