#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include "core/clones.h"
#include "effects/box_filter.h"
#include "effects/face_region.h"
#include "effects/kinds.h"

namespace ocelli {
namespace {

// Fractions of the face's height.
constexpr float kFeather = .03f;      // Of eyes, brows and lips.
constexpr float kOvalFeather = .06f;  // Wider: the forehead goes on above it.
constexpr float kRadius = .035f;

struct Strength {
  float smooth = 0;   // Share of the smoothed skin.
  float edge = 1;     // Contrast in 8-bit luma from which on an edge stays.
  float texture = 0;  // Share of the fine detail that comes back.
  float lift = 0;     // 8-bit luma added to skin of middle brightness.
  float even = 0;     // Share of the evened chroma.
};

Strength StrengthOf(const EffectValues& values) {
  const auto smooth = static_cast<float>(values.Number("smooth"));
  Strength strength;
  strength.smooth = 1 - (1 - smooth) * (1 - smooth);
  strength.edge = 8 + 16 * smooth;
  strength.texture = static_cast<float>(values.Number("texture"));
  strength.lift = 36 * static_cast<float>(values.Number("whiten"));
  strength.even = .6f * smooth;
  return strength;
}

// About the points' mean.
void Grow(std::vector<PointF>& points, float factor) {
  PointF mean;
  const auto count = static_cast<float>(points.size());
  for (const PointF& point : points) {
    mean = {mean.x + point.x / count, mean.y + point.y / count};
  }
  for (PointF& point : points) {
    point = {mean.x + (point.x - mean.x) * factor,
             mean.y + (point.y - mean.y) * factor};
  }
}

// One row of smoothed skin.
struct SkinRow {
  const std::uint8_t* above;  // Luma as it was, with a pixel before and behind.
  const std::uint8_t* here;
  const std::uint8_t* below;
  const float* keep;  // Coefficients of the filter.
  const float* level;
  const std::uint8_t* mask;
  int width;
};

OCELLI_CLONES
void WriteSkin(const SkinRow& row, const Strength& strength, float black,
               float scale, std::uint8_t* out) {
  const auto [above, here, below, keep, level, mask, width] = row;
  const float smooth = strength.smooth, texture = strength.texture;
  const float lift = 4 * strength.lift;
  for (int x = 0; x < width; ++x) {
    const int blurred = above[x - 1] + 2 * above[x] + above[x + 1] +
                        2 * here[x - 1] + 4 * here[x] + 2 * here[x + 1] +
                        below[x - 1] + 2 * below[x] + below[x + 1];
    const auto old = static_cast<float>(here[x]);
    const float detail = old - static_cast<float>(blurred) * (1.f / 16);
    float change = smooth * (level[x] - keep[x] * (old - texture * detail));
    const float bright = (old + change - black) * scale;
    change += lift * std::max(bright * (1 - bright), 0.f);
    const float value =
        old + change * (static_cast<float>(mask[x]) * (1.f / 255));
    out[x] =
        static_cast<std::uint8_t>(std::min(std::max(value, 0.f) + .5f, 255.f));
  }
}

// `even` of the way to sum / weight, where the mask is 255.
OCELLI_CLONES
void WriteEvened(const float* sum, const float* weight,
                 const std::uint8_t* mask, float even, int width,
                 std::uint8_t* chroma) {
  even /= 255;
  for (int x = 0; x < width; ++x) {
    const auto old = static_cast<float>(chroma[x]);
    const float mean = sum[x] / std::max(weight[x], 1e-3f);
    const float value =
        old + (mean - old) * (even * static_cast<float>(mask[x]));
    chroma[x] =
        static_cast<std::uint8_t>(std::min(std::max(value, 0.f) + .5f, 255.f));
  }
}

OCELLI_CLONES
void WriteProducts(const std::uint8_t* a, const std::uint8_t* b, int count,
                   float* out) {
  for (int i = 0; i < count; ++i) out[i] = static_cast<float>(a[i] * b[i]);
}

OCELLI_CLONES
void AddRow(const std::uint8_t* row, int count, std::uint16_t* sums) {
  for (int i = 0; i < count; ++i) {
    sums[i] = static_cast<std::uint16_t>(sums[i] + row[i]);
  }
}

// The guided filter with the picture as its own guide: He, Sun, Tang, "Guided
// Image Filtering", ECCV 2010; its coefficients from a reduced picture: He,
// Sun, "Fast Guided Filter", arXiv:1505.00996.
class Beauty final : public Effect {
 public:
  explicit Beauty(const Strength& strength) : strength_(strength) {}

  Result<> Apply(Frame& frame, std::vector<TrackedFace>& faces) override {
    if (strength_.smooth <= 0 && strength_.lift <= 0) return {};
    for (const TrackedFace& face : faces) {
      if (!IsFresh(face) || !FindSkin(face.face, frame.pixels)) continue;
      const MutableYuvView pixels = frame.pixels.MutableView();
      SmoothLuma(pixels);
      if (strength_.even > 0) EvenChroma(pixels);
    }
    return {};
  }

 private:
  // Sets skin_ and radius_. False: there is none in the picture.
  bool FindSkin(const Face& face, YuvView pixels) {
    namespace outline = face_outline;
    if (!OutlinePoints(face, outline::kOval, points_)) return false;
    const auto [top, bottom] =
        std::minmax_element(points_.begin(), points_.end(),
                            [](PointF a, PointF b) { return a.y < b.y; });
    const float height = bottom->y - top->y;
    const float feather = std::clamp(kFeather * height, 1.f, 100.f);
    const float oval_feather = std::clamp(kOvalFeather * height, 1.f, 200.f);
    Grow(points_, .98f);
    const PixelRect rect = BoundsWithin(points_, oval_feather + feather + 2,
                                        pixels.width, pixels.height);
    if (rect.empty()) return false;
    radius_ = std::clamp(static_cast<int>(kRadius * height), 2, 128);
    skin_.Reset(rect);
    skin_.Add(points_);
    skin_.Feather(oval_feather);
    const auto cut = [&](std::span<const std::uint16_t> indices, float grown) {
      if (!OutlinePoints(face, indices, points_)) return;
      Grow(points_, grown);
      skin_.Cut(points_);
    };
    cut(outline::kRightEye, 1.35f);
    cut(outline::kLeftEye, 1.35f);
    cut(outline::kRightBrow, 1.2f);
    cut(outline::kLeftBrow, 1.2f);
    cut(outline::kOuterLips, 1.12f);
    skin_.Feather(feather);
    return true;
  }

  // coarse_keep_ and coarse_level_: the smoothed luma is (1 - keep) * luma +
  // level.
  void FitCoefficients(ImageView luma, int step) {
    const int width = (luma.width + step - 1) / step;
    const int height = (luma.height + step - 1) / step;
    const auto count =
        static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
    keep_.resize(count);
    level_.resize(count);
    for (int y = 0; y < height; ++y) {
      float* out = keep_.data() + std::ptrdiff_t{y} * width;
      const int rows = std::min(step, luma.height - y * step);
      // 16 rows of 255 fit 16 bits.
      column_sums_.assign(static_cast<std::size_t>(luma.width), 0);
      for (int i = 0; i < rows; ++i) {
        AddRow(luma.Row(y * step + i), luma.width, column_sums_.data());
      }
      for (int x = 0; x < width; ++x) {
        const int columns = std::min(step, luma.width - x * step);
        const std::uint16_t* sums =
            column_sums_.data() + std::ptrdiff_t{x} * step;
        const int sum = std::accumulate(sums, sums + columns, 0);
        out[x] = static_cast<float>(sum) / static_cast<float>(rows * columns);
      }
    }
    for (std::size_t i = 0; i < count; ++i) level_[i] = keep_[i] * keep_[i];
    const int radius = std::max(1, radius_ / step);
    box_.Apply(keep_, width, height, radius);
    box_.Apply(level_, width, height, radius);
    const float epsilon = strength_.edge * strength_.edge;
    for (std::size_t i = 0; i < count; ++i) {
      const float mean = keep_[i];
      const float variance = std::max(level_[i] - mean * mean, 0.f);
      const float keep = epsilon / (variance + epsilon);
      keep_[i] = keep;
      level_[i] = keep * mean;
    }
    box_.Apply(keep_, width, height, radius);
    box_.Apply(level_, width, height, radius);
  }

  // Row y of a plane that was reduced by `step`, bilinear, as `width` numbers.
  void Enlarge(const std::vector<float>& plane, int step, int y, int width,
               int height, std::vector<float>& out) {
    const int coarse_width = (width + step - 1) / step;
    const int coarse_height = (height + step - 1) / step;
    const float inverse = 1 / static_cast<float>(step);
    const auto split = [&](int pixel, int end, int& first, int& second) {
      const float at =
          std::max((static_cast<float>(pixel) + .5f) * inverse - .5f, 0.f);
      first = std::min(static_cast<int>(at), end - 1);
      second = std::min(first + 1, end - 1);
      return at - static_cast<float>(first);
    };
    int upper = 0, lower = 0;
    const float down = split(y, coarse_height, upper, lower);
    const float* above = plane.data() + std::ptrdiff_t{upper} * coarse_width;
    const float* below = plane.data() + std::ptrdiff_t{lower} * coarse_width;
    // One more at each end, so that no column is a special case.
    coarse_row_.resize(static_cast<std::size_t>(coarse_width) + 2);
    float* coarse = coarse_row_.data() + 1;
    for (int x = 0; x < coarse_width; ++x) {
      coarse[x] = above[x] + (below[x] - above[x]) * down;
    }
    coarse[-1] = coarse[0];
    coarse[coarse_width] = coarse[coarse_width - 1];
    out.resize(static_cast<std::size_t>(width + step));
    for (int phase = 0; phase < step; ++phase) {
      float at = (static_cast<float>(phase) + .5f) * inverse - .5f;
      const int shift = at < 0 ? -1 : 0;
      at -= static_cast<float>(shift);
      const int columns = (width - phase + step - 1) / step;
      for (int x = 0; x < columns; ++x) {
        out[static_cast<std::size_t>(x * step + phase)] =
            coarse[x + shift] +
            (coarse[x + shift + 1] - coarse[x + shift]) * at;
      }
    }
  }

  void SmoothLuma(MutableYuvView pixels) {
    const PixelRect& rect = skin_.rect();
    const MutableImageView luma =
        pixels.LumaPlane().Crop(rect.x, rect.y, rect.width, rect.height);
    // A quarter of the radius is fine enough: section 3 of the second paper.
    const int step = std::clamp(radius_ / 4, 1, 16);
    FitCoefficients(luma, step);

    // What it was, with one more pixel all round.
    const auto stride = static_cast<std::size_t>(rect.width) + 2;
    original_.resize(stride * (static_cast<std::size_t>(rect.height) + 2));
    for (int y = -1; y <= rect.height; ++y) {
      std::uint8_t* out =
          original_.data() + static_cast<std::size_t>(y + 1) * stride;
      const std::uint8_t* in = luma.Row(std::clamp(y, 0, rect.height - 1));
      std::memcpy(out + 1, in, static_cast<std::size_t>(rect.width));
      out[0] = in[0];
      out[stride - 1] = in[rect.width - 1];
    }

    const float black = pixels.color.full_range ? 0 : 16;
    const float scale = pixels.color.full_range ? 1.f / 255 : 1.f / 219;
    for (int y = 0; y < rect.height; ++y) {
      Enlarge(keep_, step, y, rect.width, rect.height, keep_row_);
      Enlarge(level_, step, y, rect.width, rect.height, level_row_);
      const std::uint8_t* above =
          original_.data() + static_cast<std::size_t>(y) * stride + 1;
      WriteSkin({above, above + stride, above + 2 * stride, keep_row_.data(),
                 level_row_.data(), skin_.view().Row(y), rect.width},
                strength_, black, scale, luma.Row(y));
    }
  }

  // Towards the mean of the skin around: what is not skin has no weight, so
  // that lips do not bleed into it.
  void EvenChroma(MutableYuvView pixels) {
    const PixelRect& rect = skin_.rect();
    const ImageView mask = skin_.Chroma();
    const auto count = static_cast<std::size_t>(mask.width) *
                       static_cast<std::size_t>(mask.height);
    const int radius = std::max(1, radius_);
    weight_.resize(count);
    for (std::size_t i = 0; i < count; ++i) weight_[i] = mask.data[i];
    box_.Apply(weight_, mask.width, mask.height, radius);
    for (const MutableImageView& plane : {pixels.UPlane(), pixels.VPlane()}) {
      const MutableImageView chroma =
          plane.Crop(rect.x / 2, rect.y / 2, mask.width, mask.height);
      sum_.resize(count);
      for (int y = 0; y < chroma.height; ++y) {
        WriteProducts(chroma.Row(y), mask.Row(y), chroma.width,
                      sum_.data() + std::ptrdiff_t{y} * mask.width);
      }
      box_.Apply(sum_, mask.width, mask.height, radius);
      for (int y = 0; y < chroma.height; ++y) {
        const std::ptrdiff_t row = std::ptrdiff_t{y} * mask.width;
        WriteEvened(sum_.data() + row, weight_.data() + row, mask.Row(y),
                    strength_.even, chroma.width, chroma.Row(y));
      }
    }
  }

  const Strength strength_;
  int radius_ = 1;  // Pixels.
  RegionMask skin_;
  BoxFilter box_;
  std::vector<PointF> points_;
  std::vector<float> keep_, level_, keep_row_, level_row_, coarse_row_;
  std::vector<float> weight_, sum_;
  std::vector<std::uint16_t> column_sums_;
  std::vector<std::uint8_t> original_;
};

}  // namespace

EffectKind BeautyKind() {
  return {
      .name = "beauty",
      .help = "smooths and brightens the skin of faces; edges and pores stay",
      .parameters = {{.name = "smooth",
                      .help = "how much the skin is smoothed",
                      .fallback = "0.5"},
                     {.name = "whiten",
                      .help = "how much it is brightened",
                      .fallback = "0.2"},
                     {.name = "texture",
                      .help = "how much of the fine detail stays",
                      .fallback = "0.5"}},
      .need = [](const EffectValues&) { return EffectNeed::kFaces; },
      .make = [](const EffectValues& values,
                 const EffectContext&) -> Result<std::unique_ptr<Effect>> {
        return std::make_unique<Beauty>(StrengthOf(values));
      },
  };
}

}  // namespace ocelli
