#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "effects/face_region.h"
#include "effects/kinds.h"

namespace ocelli {
namespace {

struct Rgb {
  std::uint8_t red, green, blue;
};

struct NamedColor {
  std::string_view name;
  Rgb color;
};
constexpr NamedColor kColors[] = {
    {"red", {178, 24, 38}},     {"rose", {196, 72, 96}},
    {"pink", {226, 104, 140}},  {"coral", {226, 96, 80}},
    {"peach", {232, 138, 112}}, {"berry", {138, 32, 72}},
    {"plum", {98, 34, 78}},     {"wine", {104, 20, 36}},
    {"nude", {190, 120, 104}},  {"brown", {122, 66, 50}},
};

struct Tint {
  Rgb color = {0, 0, 0};
  float strength = 0;  // 0: none.
};

// "none" has strength 0.
Result<Tint> ParseTint(const EffectValues& values, std::string_view name,
                       std::string_view strength) {
  const std::string& text = values.Text(name);
  Tint tint;
  tint.strength = static_cast<float>(values.Number(strength));
  if (text == "none") return Tint{};
  for (const NamedColor& named : kColors) {
    if (named.name == text) {
      tint.color = named.color;
      return tint;
    }
  }
  const std::string_view digits =
      std::string_view(text).substr(text.starts_with('#') ? 1 : 0);
  unsigned number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number, 16);
  if (digits.size() != 6 || error != std::errc() || stop != end) {
    std::string names = "none";
    for (const NamedColor& named : kColors) {
      names += ", " + std::string(named.name);
    }
    return Fail(ErrorCode::kInvalidArgument,
                std::string(name) + " is a colour as rrggbb or one of " +
                    names + ", not \"" + text + "\"");
  }
  tint.color = {static_cast<std::uint8_t>(number >> 16),
                static_cast<std::uint8_t>(number >> 8 & 255),
                static_cast<std::uint8_t>(number & 255)};
  return tint;
}

std::uint8_t ToByte(float value) {
  return static_cast<std::uint8_t>(std::min(std::max(value, 0.f) + .5f, 255.f));
}

class Makeup final : public Effect {
 public:
  Makeup(const Tint& lips, const Tint& blush) : lips_(lips), blush_(blush) {}

  Result<> Apply(Frame& frame, std::vector<TrackedFace>& faces) override {
    for (const TrackedFace& face : faces) {
      if (!IsFresh(face)) continue;
      if (blush_.strength > 0) {
        for (const auto cheek : {kRightCheek, kLeftCheek}) {
          if (FindCheek(face.face, cheek, frame.pixels)) {
            Color(frame.pixels.MutableView(), blush_.color,
                  .55f * blush_.strength, .12f * blush_.strength);
          }
        }
      }
      if (lips_.strength > 0 && FindLips(face.face, frame.pixels)) {
        Color(frame.pixels.MutableView(), lips_.color, .85f * lips_.strength,
              .45f * lips_.strength);
      }
    }
    return {};
  }

 private:
  // On the cheek beside the nostril, and on the cheekbone below the temple.
  using Cheek = std::array<std::uint16_t, 2>;
  static constexpr Cheek kRightCheek = {205, 116};
  static constexpr Cheek kLeftCheek = {425, 345};

  bool FindLips(const Face& face, YuvView pixels) {
    if (!OutlinePoints(face, face_outline::kOuterLips, points_)) return false;
    // The corners are the first and the eleventh point.
    const float width =
        std::hypot(points_[10].x - points_[0].x, points_[10].y - points_[0].y);
    const float feather = std::clamp(.04f * width, 1.f, 60.f);
    const PixelRect rect =
        BoundsWithin(points_, feather + 2, pixels.width, pixels.height);
    if (rect.empty()) return false;
    mask_.Reset(rect);
    mask_.Add(points_);
    if (OutlinePoints(face, face_outline::kInnerLips, points_)) {
      mask_.Cut(points_);
    }
    mask_.Feather(feather);
    return true;
  }

  // An ellipse along the cheekbone, thickest in its middle, cut to the face.
  bool FindCheek(const Face& face, const Cheek& cheek, YuvView pixels) {
    if (!OutlinePoints(face, cheek, points_)) return false;
    const PointF inner = points_[0], outer = points_[1];
    const PointF center = {inner.x * .45f + outer.x * .55f,
                           inner.y * .45f + outer.y * .55f};
    const float length = std::hypot(outer.x - inner.x, outer.y - inner.y);
    if (!(length >= 1) || !OutlinePoints(face, face_outline::kOval, oval_)) {
      return false;
    }
    const PointF along = {(outer.x - inner.x) / length,
                          (outer.y - inner.y) / length};
    const float half_length = length, half_width = .6f * length;
    const PointF corners[] = {{center.x - half_length, center.y - half_length},
                              {center.x + half_length, center.y + half_length}};
    const PixelRect rect =
        BoundsWithin(corners, 1, pixels.width, pixels.height);
    if (rect.empty()) return false;
    mask_.Reset(rect);
    mask_.Add(oval_);
    mask_.Feather(std::clamp(.1f * length, 1.f, 60.f));
    for (int y = 0; y < rect.height; ++y) {
      std::uint8_t* row = mask_.Row(y);
      const float dy = static_cast<float>(rect.y + y) + .5f - center.y;
      const float first = static_cast<float>(rect.x) + .5f - center.x;
      for (int x = 0; x < rect.width; ++x) {
        const float dx = first + static_cast<float>(x);
        const float a = (dx * along.x + dy * along.y) / half_length;
        const float b = (dy * along.x - dx * along.y) / half_width;
        const float inside = std::max(1 - a * a - b * b, 0.f);
        row[x] = static_cast<std::uint8_t>(static_cast<float>(row[x]) * inside *
                                           inside);
      }
    }
    return true;
  }

  // Where mask_ is: chroma towards the colour's, as bright as the pixel is;
  // luma by a factor, so that light and shade stay.
  void Color(MutableYuvView pixels, const Rgb& color, float chroma_share,
             float luma_share) {
    const YuvPixel goal =
        ToYuv(color.red, color.green, color.blue, pixels.color);
    const PixelRect& rect = mask_.rect();
    const ImageView mask = mask_.view();
    const MutableImageView luma =
        pixels.LumaPlane().Crop(rect.x, rect.y, rect.width, rect.height);
    const float black = pixels.color.full_range ? 0 : 16;

    std::int64_t sum = 0, weight = 0;
    for (int y = 0; y < rect.height; ++y) {
      const std::uint8_t* in = luma.Row(y);
      const std::uint8_t* share = mask.Row(y);
      int row_sum = 0, row_weight = 0;
      for (int x = 0; x < rect.width; ++x) {
        row_sum += in[x] * share[x];
        row_weight += share[x];
      }
      sum += row_sum;
      weight += row_weight;
    }
    if (weight == 0) return;
    const float mean = std::max(
        static_cast<float>(sum) / static_cast<float>(weight) - black, 8.f);
    const float bright = std::max(static_cast<float>(goal.y) - black, 8.f);
    const float factor = std::clamp(bright / mean, .4f, 1.4f) - 1;

    const float luma_part = luma_share * factor / 255;
    for (int y = 0; y < rect.height; ++y) {
      std::uint8_t* out = luma.Row(y);
      const std::uint8_t* share = mask.Row(y);
      for (int x = 0; x < rect.width; ++x) {
        const auto old = static_cast<float>(out[x]);
        out[x] = ToByte(old + std::max(old - black, 0.f) * luma_part *
                                  static_cast<float>(share[x]));
      }
    }

    const ImageView half = mask_.Chroma();
    const MutableImageView u =
        pixels.UPlane().Crop(rect.x / 2, rect.y / 2, half.width, half.height);
    const MutableImageView v =
        pixels.VPlane().Crop(rect.x / 2, rect.y / 2, half.width, half.height);
    const auto goal_u = static_cast<float>(goal.u - 128);
    const auto goal_v = static_cast<float>(goal.v - 128);
    const float inverse = 1 / mean;
    const float chroma_part = chroma_share / 255;
    for (int y = 0; y < half.height; ++y) {
      const std::uint8_t* share = half.Row(y);
      const std::uint8_t* lit = luma.Row(2 * y);
      std::uint8_t* u_row = u.Row(y);
      std::uint8_t* v_row = v.Row(y);
      for (int x = 0; x < half.width; ++x) {
        const float part = static_cast<float>(share[x]) * chroma_part;
        const float level = (static_cast<float>(lit[2 * x]) - black) * inverse;
        const float gain = std::min(std::max(level, .6f), 1.2f);
        const auto old_u = static_cast<float>(u_row[x]);
        const auto old_v = static_cast<float>(v_row[x]);
        u_row[x] = ToByte(old_u + (128 + goal_u * gain - old_u) * part);
        v_row[x] = ToByte(old_v + (128 + goal_v * gain - old_v) * part);
      }
    }
  }

  const Tint lips_;
  const Tint blush_;
  RegionMask mask_;
  std::vector<PointF> points_, oval_;
};

}  // namespace

EffectKind MakeupKind() {
  return {
      .name = "makeup",
      .help = "colours lips and cheeks; light and shade stay",
      .parameters = {{.name = "lips",
                      .help =
                          "colour of the lips: rrggbb, red, rose, pink, coral, "
                          "peach, berry, plum, wine, nude, brown or none",
                      .kind = EffectParameter::Kind::kText,
                      .fallback = "rose"},
                     {.name = "lips_strength",
                      .help = "how much of it",
                      .fallback = "0.5"},
                     {.name = "blush",
                      .help = "colour of the cheeks, likewise",
                      .kind = EffectParameter::Kind::kText,
                      .fallback = "peach"},
                     {.name = "blush_strength",
                      .help = "how much of it",
                      .fallback = "0.4"}},
      .need = [](const EffectValues&) { return EffectNeed::kFaces; },
      .make = [](const EffectValues& values,
                 const EffectContext&) -> Result<std::unique_ptr<Effect>> {
        const auto lips = ParseTint(values, "lips", "lips_strength");
        if (!lips) return lips.Failure();
        const auto blush = ParseTint(values, "blush", "blush_strength");
        if (!blush) return blush.Failure();
        return std::make_unique<Makeup>(*lips, *blush);
      },
  };
}

}  // namespace ocelli
