#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "effects/canvas.h"
#include "effects/kinds.h"

namespace ocelli {
namespace {

struct Vector {
  float x = 0, y = 0, z = 0;
};

Vector operator+(Vector a, Vector b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z};
}
Vector operator-(Vector a, Vector b) {
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}
Vector operator*(float s, Vector a) { return {s * a.x, s * a.y, s * a.z}; }
float Dot(Vector a, Vector b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
Vector Cross(Vector a, Vector b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

// Points of MediaPipe's canonical face mesh.
namespace mesh_point {
constexpr std::size_t kRightEyeOuter = 33, kRightEyeInner = 133;
constexpr std::size_t kLeftEyeInner = 362, kLeftEyeOuter = 263;
constexpr std::size_t kNoseTip = 1, kNoseBridge = 168, kUpperLip = 0;
constexpr std::size_t kNoseBase = 2, kForehead = 10, kBrow = 151, kChin = 152;
constexpr std::size_t kRightMouth = 61, kLeftMouth = 291;
}  // namespace mesh_point

enum class Anchor { kEyes, kForehead, kLip, kMouth, kFace };

constexpr std::pair<std::string_view, Anchor> kAnchors[] = {
    {"eyes", Anchor::kEyes},
    {"forehead", Anchor::kForehead},
    {"lip", Anchor::kLip},
    {"mouth", Anchor::kMouth},
    {"face", Anchor::kFace}};

// The picture's width at scale 1, in distances of the eyes' outer corners.
float WidthAt(Anchor anchor) {
  switch (anchor) {
    case Anchor::kEyes:
      return 1.55f;
    case Anchor::kForehead:
      return 1.8f;
    case Anchor::kLip:
      return .95f;
    case Anchor::kMouth:
      return .8f;
    case Anchor::kFace:
      return 1.8f;
  }
  return 1;
}

// A plane fixed to a head: where its origin lies in the picture, and the unit
// vectors of the head's right-hand and downward directions as they appear
// there, in pixels for one distance of the eyes' outer corners.
struct HeadPlane {
  PointF origin;
  PointF across;
  PointF down;
};

// Nothing where the mesh does not say how the head is held.
std::optional<HeadPlane> PlaneOf(const Face& face, Anchor anchor) {
  namespace at = mesh_point;
  constexpr float kFarthest = 1e5f;
  constexpr float kLeastSpan = 2;
  if (face.mesh.size() <= at::kLeftEyeInner) return std::nullopt;
  bool usable = true;
  const auto point = [&](std::size_t index) {
    const Point3F& p = face.mesh[index];
    usable = usable && std::abs(p.x) <= kFarthest &&
             std::abs(p.y) <= kFarthest && std::abs(p.z) <= kFarthest;
    return Vector{p.x, p.y, p.z};
  };
  const Vector right_eye = point(at::kRightEyeOuter);
  const Vector left_eye = point(at::kLeftEyeOuter);
  const Vector eyes = .25f * (right_eye + left_eye + point(at::kRightEyeInner) +
                              point(at::kLeftEyeInner));
  const Vector forehead = point(at::kForehead), chin = point(at::kChin);
  const Vector nose = point(at::kNoseTip);
  Vector origin = eyes;
  Vector front = point(at::kNoseBridge);  // The plane goes through it.
  switch (anchor) {
    case Anchor::kEyes:
      break;
    case Anchor::kForehead:
      origin = front = .5f * (forehead + point(at::kBrow));
      break;
    case Anchor::kLip:
      origin = front = .5f * (point(at::kNoseBase) + point(at::kUpperLip));
      break;
    case Anchor::kMouth:
      origin = .5f * (point(at::kRightMouth) + point(at::kLeftMouth));
      front = point(at::kUpperLip);
      break;
    case Anchor::kFace:
      origin = .5f * (forehead + chin);
      front = point(at::kNoseBridge);
      break;
  }
  if (!usable) return std::nullopt;

  Vector across = left_eye - right_eye;
  const float span = std::sqrt(Dot(across, across));
  if (span < kLeastSpan) return std::nullopt;
  across = (1 / span) * across;
  Vector down = chin - forehead;
  down = down - Dot(down, across) * across;
  const float length = std::sqrt(Dot(down, down));
  if (length < kLeastSpan) return std::nullopt;
  down = (1 / length) * down;
  Vector normal = Cross(across, down);
  if (Dot(normal, nose - eyes) < 0) normal = -1.f * normal;
  origin = origin + Dot(normal, front - origin) * normal;
  return HeadPlane{{origin.x, origin.y},
                   {span * across.x, span * across.y},
                   {span * down.x, span * down.y}};
}

// Y, U and V, each times opacity, and the opacity: 0 to 255.
using Texel = std::array<float, 4>;

// A picture in halving sizes, so that it does not flicker where it is drawn
// small.
class Texture {
 public:
  Texture(const PictureWithAlpha& picture, YuvColor color) : color_(color) {
    const ImageView pixels = picture.color.view(), alpha = picture.alpha.view();
    Level level = {pixels.width, pixels.height, {}};
    level.texels.reserve(static_cast<std::size_t>(pixels.width) *
                         static_cast<std::size_t>(pixels.height));
    for (int y = 0; y < pixels.height; ++y) {
      for (int x = 0; x < pixels.width; ++x) {
        const std::uint8_t* rgb = pixels.Pixel(x, y);
        const YuvPixel yuv = ToYuv(rgb[0], rgb[1], rgb[2], color);
        const auto opacity = static_cast<float>(*alpha.Pixel(x, y));
        const float part = opacity / 255;
        level.texels.push_back({part * static_cast<float>(yuv.y),
                                part * static_cast<float>(yuv.u),
                                part * static_cast<float>(yuv.v), opacity});
      }
    }
    levels_.push_back(std::move(level));
    while (levels_.back().width > 1 || levels_.back().height > 1) {
      levels_.push_back(Halved(levels_.back()));
    }
  }

  YuvColor color() const { return color_; }

  // The texel of a level at (u, v), 0 to 1 across the picture. Clear outside.
  Texel At(float u, float v, int level_index) const {
    const Level& level = levels_[static_cast<std::size_t>(level_index)];
    const float x = u * static_cast<float>(level.width) - .5f;
    const float y = v * static_cast<float>(level.height) - .5f;
    Texel sum = {};
    if (!(x > -1 && y > -1 && x < static_cast<float>(level.width) &&
          y < static_cast<float>(level.height))) {
      return sum;
    }
    const int left = static_cast<int>(std::floor(x));
    const int top = static_cast<int>(std::floor(y));
    const float right_part = x - static_cast<float>(left);
    const float lower_part = y - static_cast<float>(top);
    const auto add = [&](int column, int row, float weight) {
      if (column < 0 || row < 0 || column >= level.width ||
          row >= level.height) {
        return;
      }
      const Texel& texel =
          level.texels[static_cast<std::size_t>(row) *
                           static_cast<std::size_t>(level.width) +
                       static_cast<std::size_t>(column)];
      for (std::size_t i = 0; i < 4; ++i) sum[i] += weight * texel[i];
    };
    add(left, top, (1 - right_part) * (1 - lower_part));
    add(left + 1, top, right_part * (1 - lower_part));
    add(left, top + 1, (1 - right_part) * lower_part);
    add(left + 1, top + 1, right_part * lower_part);
    return sum;
  }

  // The level at which a pixel that is as wide as `texels` of the full size
  // takes in about one texel.
  int LevelFor(float texels) const {
    const int level =
        texels > 1 ? static_cast<int>(std::lround(std::log2(texels))) : 0;
    return std::min(level, static_cast<int>(levels_.size()) - 1);
  }

  int width() const { return levels_.front().width; }
  int height() const { return levels_.front().height; }

 private:
  struct Level {
    int width, height;
    std::vector<Texel> texels;
  };

  static Level Halved(const Level& from) {
    Level to = {(from.width + 1) / 2, (from.height + 1) / 2, {}};
    for (int y = 0; y < to.height; ++y) {
      for (int x = 0; x < to.width; ++x) {
        Texel mean = {};
        for (int i = 0; i < 4; ++i) {
          const int column = std::min(2 * x + i % 2, from.width - 1);
          const int row = std::min(2 * y + i / 2, from.height - 1);
          const Texel& texel =
              from.texels[static_cast<std::size_t>(row) *
                              static_cast<std::size_t>(from.width) +
                          static_cast<std::size_t>(column)];
          for (std::size_t k = 0; k < 4; ++k) mean[k] += texel[k] / 4;
        }
        to.texels.push_back(mean);
      }
    }
    return to;
  }

  YuvColor color_;
  std::vector<Level> levels_;
};

// `part` of `texel` over a sample.
std::uint8_t Over(std::uint8_t under, float over, float opacity) {
  return static_cast<std::uint8_t>(
      std::clamp(static_cast<float>(under) * (1 - opacity / 255) + over + .5f,
                 0.f, 255.f));
}

// Where the unit square of a picture comes to lie.
struct Placed {
  Affine to_unit;  // From pixels of the frame.
  RectF bounds;
  float pixels_across = 0;  // Of the picture's width.
};

std::optional<Placed> PlaceOn(const HeadPlane& plane, float width, float height,
                              PointF offset) {
  const Affine from_unit = {
      width * plane.across.x,
      height * plane.down.x,
      plane.origin.x + (offset.x - .5f) * width * plane.across.x +
          (offset.y - .5f) * height * plane.down.x,
      width * plane.across.y,
      height * plane.down.y,
      plane.origin.y + (offset.x - .5f) * width * plane.across.y +
          (offset.y - .5f) * height * plane.down.y};
  // Seen from the side nothing of it is left.
  constexpr float kLeastArea = 4;
  const float area =
      std::abs(from_unit.a * from_unit.d - from_unit.b * from_unit.c);
  if (!(area >= kLeastArea)) return std::nullopt;
  const PointF corners[] = {from_unit.Apply({0, 0}), from_unit.Apply({1, 0}),
                            from_unit.Apply({0, 1}), from_unit.Apply({1, 1})};
  PointF least = corners[0], most = corners[0];
  for (const PointF& corner : corners) {
    least = {std::min(least.x, corner.x), std::min(least.y, corner.y)};
    most = {std::max(most.x, corner.x), std::max(most.y, corner.y)};
  }
  Placed placed;
  placed.to_unit = Inverse(from_unit);
  // Bilinear edges reach half a texel further.
  placed.bounds = {least.x - 2, least.y - 2, most.x - least.x + 4,
                   most.y - least.y + 4};
  placed.pixels_across = std::max(std::hypot(from_unit.a, from_unit.c),
                                  std::hypot(from_unit.b, from_unit.d));
  if (!IsDrawable(placed.bounds)) return std::nullopt;
  return placed;
}

void Draw(const Texture& texture, const Placed& placed,
          const MutableYuvView& frame) {
  const RectF clipped = ClipTo(placed.bounds, frame.width, frame.height);
  const int left = static_cast<int>(clipped.x) & ~1;
  const int top = static_cast<int>(clipped.y) & ~1;
  const int right =
      std::min(static_cast<int>(std::ceil(clipped.right())), frame.width);
  const int bottom =
      std::min(static_cast<int>(std::ceil(clipped.bottom())), frame.height);
  const int level = texture.LevelFor(
      static_cast<float>(std::max(texture.width(), texture.height())) /
      placed.pixels_across);
  for (int y = top; y < bottom; y += 2) {
    for (int x = left; x < right; x += 2) {
      const int rows = std::min(2, frame.height - y);
      const int columns = std::min(2, frame.width - x);
      Texel sum = {};
      for (int i = 0; i < rows * columns; ++i) {
        const int column = x + i % columns, row = y + i / columns;
        const PointF unit = placed.to_unit.Apply(
            {static_cast<float>(column) + .5f, static_cast<float>(row) + .5f});
        const Texel texel = texture.At(unit.x, unit.y, level);
        if (texel[3] < .5f) continue;
        std::uint8_t* luma = frame.y + row * frame.y_stride + column;
        *luma = Over(*luma, texel[0], texel[3]);
        for (std::size_t k = 1; k < 4; ++k) sum[k] += texel[k];
      }
      if (sum[3] == 0) continue;
      const float part = 1 / static_cast<float>(rows * columns);
      std::uint8_t* u = frame.u + y / 2 * frame.uv_stride + x / 2;
      std::uint8_t* v = frame.v + y / 2 * frame.uv_stride + x / 2;
      *u = Over(*u, part * sum[1], part * sum[3]);
      *v = Over(*v, part * sum[2], part * sum[3]);
    }
  }
}

// A built-in picture: shapes of one colour each.
class Drawing {
 public:
  Drawing(int width, int height) {
    picture_.color = Image(width, height, PixelFormat::kRgb8);
    picture_.alpha = Image(width, height, PixelFormat::kGrey8);
    std::fill_n(picture_.color.view().data, picture_.color.size_bytes(),
                std::uint8_t{0});
    std::fill_n(picture_.alpha.view().data, picture_.alpha.size_bytes(),
                std::uint8_t{0});
  }

  // The `opacity` of `paint` is over nothing, not over what is there.
  template <typename Shape>
  void Add(const Paint& paint, Shape shape) {
    Image mask(picture_.alpha.width(), picture_.alpha.height(),
               PixelFormat::kGrey8);
    std::fill_n(mask.view().data, mask.size_bytes(), std::uint8_t{0});
    shape(Surface(mask.view()), Paint{255, 255, 255, 1});
    for (int y = 0; y < mask.height(); ++y) {
      for (int x = 0; x < mask.width(); ++x) {
        const float over =
            static_cast<float>(*mask.view().Pixel(x, y)) / 255 * paint.opacity;
        if (over == 0) continue;
        std::uint8_t* alpha = picture_.alpha.view().Pixel(x, y);
        std::uint8_t* rgb = picture_.color.view().Pixel(x, y);
        const float under = static_cast<float>(*alpha) / 255 * (1 - over);
        const float both = over + under;
        const std::uint8_t colour[] = {paint.red, paint.green, paint.blue};
        for (int i = 0; i < 3; ++i) {
          rgb[i] =
              static_cast<std::uint8_t>((over * static_cast<float>(colour[i]) +
                                         under * static_cast<float>(rgb[i])) /
                                            both +
                                        .5f);
        }
        *alpha = static_cast<std::uint8_t>(255 * both + .5f);
      }
    }
  }

  // Makes a shape clear again.
  template <typename Shape>
  void Cut(Shape shape) {
    shape(Surface(picture_.alpha.view()), Paint{0, 0, 0, 1});
  }

  PictureWithAlpha Take() { return std::move(picture_); }

 private:
  PictureWithAlpha picture_;
};

PictureWithAlpha DrawGlasses() {
  Drawing drawing(512, 192);
  const RectF lenses[] = {{34, 26, 190, 140}, {288, 26, 190, 140}};
  constexpr Paint kFrame = {24, 24, 28, 1};
  for (const RectF& lens : lenses) {
    drawing.Add({20, 26, 40, .55f}, [&](const Surface& on, const Paint& paint) {
      FillRoundedBox(on, lens, 56, paint);
    });
    drawing.Add(
        {255, 255, 255, .22f}, [&](const Surface& on, const Paint& paint) {
          FillRoundedBox(on, {lens.x + 26, lens.y + 22, 70, 26}, 13, paint);
        });
    drawing.Add(kFrame, [&](const Surface& on, const Paint& paint) {
      StrokeRoundedBox(on, lens, 56, {.width = 16, .softness = 1.5f}, paint);
    });
  }
  drawing.Add(kFrame, [&](const Surface& on, const Paint& paint) {
    FillRoundedBox(on, {222, 62, 68, 18}, 9, paint);
    FillRoundedBox(on, {0, 62, 36, 18}, 6, paint);
    FillRoundedBox(on, {476, 62, 36, 18}, 6, paint);
  });
  return drawing.Take();
}

PictureWithAlpha DrawMask() {
  Drawing drawing(512, 224);
  drawing.Add({28, 28, 36, 1}, [](const Surface& on, const Paint& paint) {
    FillRoundedBox(on, {4, 24, 504, 140}, 66, paint);
    FillRoundedBox(on, {36, 60, 190, 150}, 74, paint);
    FillRoundedBox(on, {286, 60, 190, 150}, 74, paint);
  });
  drawing.Cut([](const Surface& on, const Paint& paint) {
    FillRoundedBox(on, {92, 78, 118, 66}, 33, paint);
    FillRoundedBox(on, {302, 78, 118, 66}, 33, paint);
  });
  drawing.Add({212, 175, 55, 1}, [](const Surface& on, const Paint& paint) {
    StrokeRoundedBox(on, {92, 78, 118, 66}, 33, {.width = 8, .softness = 1.5f},
                     paint);
    StrokeRoundedBox(on, {302, 78, 118, 66}, 33, {.width = 8, .softness = 1.5f},
                     paint);
  });
  return drawing.Take();
}

PictureWithAlpha DrawMoustache() {
  Drawing drawing(512, 160);
  drawing.Add({44, 30, 22, 1}, [](const Surface& on, const Paint& paint) {
    // Two rows of discs, mirrored, that taper to tips turned up.
    for (int i = 0; i <= 100; ++i) {
      const float along = static_cast<float>(i) / 100;
      const float x = 34 + 205 * along;
      const float y = 72 + 52 * along - 98 * along * along * along;
      const float radius = 4 + 34 * std::pow(1 - along, .7f);
      FillDisc(on, {256 - x, y}, radius, paint);
      FillDisc(on, {256 + x, y}, radius, paint);
    }
  });
  return drawing.Take();
}

struct BuiltIn {
  std::string_view name;
  PictureWithAlpha (*draw)();
  Anchor anchor;
};

constexpr BuiltIn kBuiltIns[] = {
    {"glasses", DrawGlasses, Anchor::kEyes},
    {"mask", DrawMask, Anchor::kEyes},
    {"moustache", DrawMoustache, Anchor::kLip},
};

// A sticker that blinks is worse than one that is late.
constexpr std::chrono::milliseconds kKeepUnseen{250};

class StickerEffect final : public Effect {
 public:
  StickerEffect(PictureWithAlpha picture, Anchor anchor, float scale,
                PointF offset)
      : picture_(std::move(picture)),
        anchor_(anchor),
        scale_(scale),
        offset_(offset) {}

  Result<> Apply(Frame& frame, std::vector<TrackedFace>& faces) override {
    const RectF whole = {0, 0, static_cast<float>(frame.pixels.width()),
                         static_cast<float>(frame.pixels.height())};
    const float width = scale_ * WidthAt(anchor_);
    const float height = width * static_cast<float>(picture_.color.height()) /
                         static_cast<float>(picture_.color.width());
    for (const TrackedFace& face : faces) {
      if (face.unseen_for > kKeepUnseen) continue;
      const auto plane = PlaneOf(face.face, anchor_);
      if (!plane) continue;
      const auto placed = PlaceOn(*plane, width, height, offset_);
      if (!placed || IntersectionArea(placed->bounds, whole) <= 0) continue;
      if (!texture_ || texture_->color() != frame.pixels.color()) {
        texture_.emplace(picture_, frame.pixels.color());
      }
      Draw(*texture_, *placed, frame.pixels.MutableView());
    }
    return {};
  }

 private:
  const PictureWithAlpha picture_;
  const Anchor anchor_;
  const float scale_;  // Of the anchor's usual width.
  const PointF offset_;
  std::optional<Texture> texture_;
};

Result<PictureWithAlpha> Load(const std::string& file,
                              const EffectContext& context) {
  constexpr int kMostPixelsASide = 4096;
  if (!context.load_picture) {
    return Fail(ErrorCode::kInvalidArgument,
                "sticker: no files can be read here: " + file);
  }
  auto picture = context.load_picture(file);
  if (!picture) return picture.Failure("sticker");
  const Image& color = picture->color;
  const Image& alpha = picture->alpha;
  const bool fits = !color.empty() && color.format() == PixelFormat::kRgb8 &&
                    alpha.format() == PixelFormat::kGrey8 &&
                    alpha.width() == color.width() &&
                    alpha.height() == color.height();
  if (!fits) {
    return Fail(ErrorCode::kInvalidArgument, "sticker: no picture in " + file);
  }
  if (std::max(color.width(), color.height()) > kMostPixelsASide) {
    return Fail(ErrorCode::kInvalidArgument,
                "sticker: " + file + " has " + std::to_string(color.width()) +
                    " x " + std::to_string(color.height()) +
                    " pixels; at most " + std::to_string(kMostPixelsASide) +
                    " a side");
  }
  return picture;
}

Result<std::unique_ptr<Effect>> MakeSticker(const EffectValues& values,
                                            const EffectContext& context) {
  PictureWithAlpha picture;
  Anchor anchor = Anchor::kFace;
  const std::string& file = values.Text("file");
  if (!file.empty()) {
    auto loaded = Load(file, context);
    if (!loaded) return loaded.Failure();
    picture = *std::move(loaded);
  } else {
    for (const BuiltIn& built_in : kBuiltIns) {
      if (built_in.name != values.Text("kind")) continue;
      picture = built_in.draw();
      anchor = built_in.anchor;
    }
  }
  for (const auto& [name, value] : kAnchors) {
    if (name == values.Text("anchor")) anchor = value;
  }
  return std::make_unique<StickerEffect>(
      std::move(picture), anchor, static_cast<float>(values.Number("scale")),
      PointF{static_cast<float>(values.Number("x")),
             static_cast<float>(values.Number("y"))});
}

}  // namespace

EffectKind StickerKind() {
  using Kind = EffectParameter::Kind;
  EffectKind kind;
  kind.name = "sticker";
  kind.help = "A picture fixed to each head";
  kind.parameters = {
      {.name = "kind",
       .help = "a picture that is built in",
       .kind = Kind::kChoice,
       .choices = {"glasses", "mask", "moustache"},
       .fallback = "glasses"},
      {.name = "file",
       .help = "a picture instead, best a PNG with transparency",
       .kind = Kind::kText,
       .fallback = ""},
      {.name = "anchor",
       .help = "what its centre lies on; auto: as suits the picture",
       .kind = Kind::kChoice,
       .choices = {"auto", "eyes", "forehead", "lip", "mouth", "face"},
       .fallback = "auto"},
      {.name = "scale",
       .help = "of its usual size",
       .least = .1,
       .most = 5,
       .fallback = "1"},
      {.name = "x",
       .help = "to the person's left, in widths of the picture",
       .least = -3,
       .most = 3,
       .fallback = "0"},
      {.name = "y",
       .help = "down, in heights of the picture",
       .least = -3,
       .most = 3,
       .fallback = "0"}};
  kind.need = [](const EffectValues&) { return EffectNeed::kFaces; };
  kind.make = MakeSticker;
  return kind;
}

}  // namespace ocelli
