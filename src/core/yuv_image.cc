#include "core/yuv_image.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <new>
#include <vector>

#include "core/check.h"

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

void WriteRgb(const ToRgbFactors& factors, int y, int u, int v,
              std::uint8_t* rgb) {
  const int luma = factors.luma * (y - factors.black);
  rgb[0] = Fixed(luma + factors.red_v * (v - 128));
  rgb[1] =
      Fixed(luma + factors.green_u * (u - 128) + factors.green_v * (v - 128));
  rgb[2] = Fixed(luma + factors.blue_u * (u - 128));
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
  for (int row = 0; row < luma.height; ++row) {
    const std::uint8_t* y_row = luma.Row(row);
    const std::uint8_t* u_row = u.Row((top + row) / 2);
    const std::uint8_t* v_row = v.Row((top + row) / 2);
    std::uint8_t* rgb = image.view().Row(row);
    for (int column = 0; column < luma.width; ++column) {
      const int chroma = (left + column) / 2;
      WriteRgb(factors, y_row[column], u_row[chroma], v_row[chroma],
               rgb + 3 * column);
    }
  }
  return image;
}

Image ToRgb(YuvView yuv) { return ToRgb(yuv, 0, 0, yuv.width, yuv.height); }

Image ShrinkToRgb(YuvView yuv, int half) {
  OCELLI_CHECK(half >= 1 && half <= 64);
  const ToRgbFactors factors = FactorsOf(yuv.color);
  // Two luma rows at a time: sums of pairs, then of blocks.
  const int width = (yuv.chroma_width() + half - 1) / half;
  const int height = (yuv.chroma_height() + half - 1) / half;
  Image image(width, height, PixelFormat::kRgb8);
  std::vector<int> sums(static_cast<std::size_t>(3 * width));
  for (int row = 0; row < height; ++row) {
    std::fill(sums.begin(), sums.end(), 0);
    int rows = 0;
    for (int i = 0; i < half && row * half + i < yuv.chroma_height(); ++i) {
      ++rows;
      const int chroma_row = row * half + i;
      const std::uint8_t* upper = yuv.y + 2 * chroma_row * yuv.y_stride;
      const std::uint8_t* lower =
          2 * chroma_row + 1 < yuv.height ? upper + yuv.y_stride : upper;
      const std::uint8_t* u = yuv.u + chroma_row * yuv.uv_stride;
      const std::uint8_t* v = yuv.v + chroma_row * yuv.uv_stride;
      const int whole = yuv.width / 2;
      for (int column = 0, x = 0; column < width; ++column) {
        int* sum = sums.data() + 3 * column;
        for (int k = 0; k < half && x < yuv.chroma_width(); ++k, ++x) {
          const int right = x < whole ? 1 : 0;
          sum[0] += upper[2 * x] + upper[2 * x + right] + lower[2 * x] +
                    lower[2 * x + right];
          sum[1] += u[x];
          sum[2] += v[x];
        }
      }
    }
    std::uint8_t* rgb = image.view().Row(row);
    for (int column = 0; column < width; ++column) {
      const int columns = std::min(half, yuv.chroma_width() - column * half);
      const int count = rows * columns;
      const int* sum = sums.data() + 3 * column;
      WriteRgb(factors, (sum[0] + 2 * count) / (4 * count),
               (sum[1] + count / 2) / count, (sum[2] + count / 2) / count,
               rgb + 3 * column);
    }
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
