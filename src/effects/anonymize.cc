#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <numbers>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "effects/canvas.h"
#include "effects/kinds.h"

namespace ocelli {
namespace {

enum class Mode { kPixelate, kBlur, kFill };

struct AnonymizeOptions {
  Mode mode = Mode::kPixelate;
  bool only_unknown = false;
  std::vector<std::string> except;  // Never covered, once decided.
  std::vector<std::string> only;    // Nobody else is covered; empty: no limit.
  float margin = 0;    // Beyond what is covered anyway, in faces' sizes.
  float strength = 0;  // 0 to 1.
};

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string> NamesIn(const std::string& text) {
  std::vector<std::string> names;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('+', at), text.size());
    if (end > at) names.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return names;
}

bool DependsOnNames(const AnonymizeOptions& options) {
  return options.only_unknown || !options.except.empty() ||
         !options.only.empty();
}

// Whoever is not decided yet is covered.
bool IsToCover(const TrackedFace& face, const AnonymizeOptions& options) {
  if (!face.decided) return true;
  const bool named = !face.name.empty();
  if (named && Contains(options.except, face.name)) return false;
  if (named && Contains(options.only, face.name)) return true;
  if (options.only_unknown) return !named;
  return options.only.empty();
}

// Pixels from `left` to before `right`; both even, or the picture's edge.
struct Span {
  int left = 0;
  int right = 0;
  bool empty() const { return left >= right; }
};

// What is to be covered: one span for each pair of rows, from row 2 * first on.
struct Cover {
  int first = 0;
  std::vector<Span> rows;
  // Unclipped upper left of what is covered, and the face's longer side.
  float left = 0;
  float top = 0;
  float size = 0;
};

// Where a face was: an ellipse-like outline grows from it.
struct Place {
  PointF center;
  PointF across;  // Half the face's width and height, as it is turned.
  PointF down;
};

// Ears, hair and chin lie beyond what detectors and meshes call a face.
constexpr float kBeside = 1.3f;
constexpr float kAbove = 1.5f;
constexpr float kBelow = 1.2f;
// Faces' sizes for each second that a face is not seen, and at most.
constexpr float kGrowthPerSecond = .8f;
constexpr float kMostGrowth = 1.5f;

std::optional<Place> PlaceOfBox(const RectF& box) {
  if (!IsDrawable(box)) return std::nullopt;
  return Place{box.center(), {box.width / 2, 0}, {0, box.height / 2}};
}

// From the mesh's extent along and across the line of the eyes' outer corners;
// nothing where there are not points enough to trust.
std::optional<Place> PlaceOfMesh(const Face& face) {
  constexpr std::size_t kRightEye = 33, kLeftEye = 263;
  constexpr float kFarthest = 1e6f;
  if (face.mesh.size() <= kLeftEye) return std::nullopt;
  const auto usable = [](const Point3F& point) {
    return std::abs(point.x) <= kFarthest && std::abs(point.y) <= kFarthest;
  };
  const Point3F& right_eye = face.mesh[kRightEye];
  const Point3F& left_eye = face.mesh[kLeftEye];
  PointF across = {1, 0};
  if (usable(right_eye) && usable(left_eye)) {
    const float x = left_eye.x - right_eye.x, y = left_eye.y - right_eye.y;
    const float length = std::hypot(x, y);
    if (length > 0) across = {x / length, y / length};
  }
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  float least_u = kInfinity, most_u = -kInfinity;
  float least_v = kInfinity, most_v = -kInfinity;
  std::size_t count = 0;
  for (const Point3F& point : face.mesh) {
    if (!usable(point)) continue;
    ++count;
    const float u = point.x * across.x + point.y * across.y;
    const float v = point.y * across.x - point.x * across.y;
    least_u = std::min(least_u, u);
    most_u = std::max(most_u, u);
    least_v = std::min(least_v, v);
    most_v = std::max(most_v, v);
  }
  if (2 * count < face.mesh.size()) return std::nullopt;
  const float u = (least_u + most_u) / 2, v = (least_v + most_v) / 2;
  // A profile is narrow, but the head behind it is not.
  const float half_height = (most_v - least_v) / 2;
  const float half_width = std::max((most_u - least_u) / 2, .7f * half_height);
  return Place{{u * across.x - v * across.y, u * across.y + v * across.x},
               {half_width * across.x, half_width * across.y},
               {-half_height * across.y, half_height * across.x}};
}

// Adds the outline of an enlarged place: between an ellipse and a box.
void AddOutline(const Place& place, float grown,
                std::vector<std::vector<PointF>>& outlines) {
  constexpr int kPoints = 64;
  constexpr float kExponent = 2.f / 3;
  std::vector<PointF> outline;
  for (int i = 0; i < kPoints; ++i) {
    const float angle =
        2 * std::numbers::pi_v<float> * static_cast<float>(i) / kPoints;
    const float cosine = std::cos(angle), sine = std::sin(angle);
    const float u =
        std::copysign(std::pow(std::abs(cosine), kExponent), cosine) *
        (kBeside + grown);
    const float v = std::copysign(std::pow(std::abs(sine), kExponent), sine) *
                    ((sine < 0 ? kAbove : kBelow) + grown);
    outline.push_back({place.center.x + u * place.across.x + v * place.down.x,
                       place.center.y + u * place.across.y + v * place.down.y});
  }
  outlines.push_back(std::move(outline));
}

// Pairs of rows that the outlines touch, cut to the picture, rounded outwards.
Cover CoverOf(const std::vector<std::vector<PointF>>& outlines, float size,
              const YuvImage& picture) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  float left = kInfinity, top = kInfinity, bottom = -kInfinity;
  for (const auto& outline : outlines) {
    for (const PointF& point : outline) {
      left = std::min(left, point.x);
      top = std::min(top, point.y);
      bottom = std::max(bottom, point.y);
    }
  }
  Cover cover;
  cover.left = left;
  cover.top = top;
  cover.size = size;
  const auto width = static_cast<float>(picture.width());
  const auto height = static_cast<float>(picture.height());
  if (!(bottom >= 0) || !(top < height)) return cover;
  cover.first = static_cast<int>(std::max(top, 0.f)) / 2;
  const int last = static_cast<int>(std::min(bottom, height - 1)) / 2;
  for (int row = cover.first; row <= last; ++row) {
    const auto from = static_cast<float>(2 * row), to = from + 2;
    float least = kInfinity, most = -kInfinity;
    for (const auto& outline : outlines) {
      for (std::size_t i = 0; i < outline.size(); ++i) {
        PointF a = outline[i], b = outline[(i + 1) % outline.size()];
        if (a.y > b.y) std::swap(a, b);
        if (b.y < from || a.y > to) continue;
        const auto x_at = [&](float y) {
          return b.y > a.y ? a.x + (b.x - a.x) * (y - a.y) / (b.y - a.y) : a.x;
        };
        for (const float x :
             {x_at(std::max(a.y, from)), x_at(std::min(b.y, to))}) {
          least = std::min(least, x);
          most = std::max(most, x);
        }
      }
    }
    Span span;
    if (most >= 0 && least < width) {
      span.left = static_cast<int>(std::max(least, 0.f)) & ~1;
      span.right = std::min((static_cast<int>(std::min(most, width)) + 2) & ~1,
                            picture.width());
    }
    cover.rows.push_back(span);
  }
  return cover;
}

Cover WholePicture(const YuvImage& picture) {
  Cover cover;
  cover.size = static_cast<float>(std::max(picture.width(), picture.height()));
  cover.rows.assign(static_cast<std::size_t>((picture.height() + 1) / 2),
                    {0, picture.width()});
  return cover;
}

bool IsEmpty(const Cover& cover) {
  return std::all_of(cover.rows.begin(), cover.rows.end(),
                     [](const Span& span) { return span.empty(); });
}

// One plane, and what of it is covered.
class CoveredPlane {
 public:
  // `shift` 1: a chroma plane.
  CoveredPlane(MutableImageView plane, int shift, const Cover& cover)
      : plane_(plane), shift_(shift), cover_(cover) {
    left_ = plane.width;
    for (const Span& span : cover.rows) {
      if (span.empty()) continue;
      left_ = std::min(left_, span.left >> shift);
      right_ = std::max(right_, (span.right + shift) >> shift);
    }
    top_ = cover.first * (2 >> shift);
    bottom_ =
        std::min(top_ + static_cast<int>(cover.rows.size()) * (2 >> shift),
                 plane.height);
  }

  int left() const { return left_; }
  int top() const { return top_; }
  int right() const { return right_; }
  int bottom() const { return bottom_; }
  const MutableImageView& plane() const { return plane_; }

  Span RowSpan(int y) const {
    const Span& span =
        cover_.rows[static_cast<std::size_t>((y - top_) / (2 >> shift_))];
    return {span.left >> shift_, (span.right + shift_) >> shift_};
  }

 private:
  MutableImageView plane_;
  int shift_;
  const Cover& cover_;
  int left_ = 0, top_ = 0, right_ = 0, bottom_ = 0;
};

void Fill(const CoveredPlane& covered, std::uint8_t value) {
  for (int y = covered.top(); y < covered.bottom(); ++y) {
    const Span span = covered.RowSpan(y);
    if (span.empty()) continue;
    std::memset(covered.plane().Pixel(span.left, y), value,
                static_cast<std::size_t>(span.right - span.left));
  }
}

// Means of squares of `block` pixels; block (0, 0) begins at (left, top).
struct Blocks {
  int block = 1;
  int left = 0, top = 0;
  int columns = 0, rows = 0;
  std::vector<float> means;

  float& At(int column, int row) {
    return means[static_cast<std::size_t>(row * columns + column)];
  }
};

Blocks MeansOf(const CoveredPlane& covered, int left, int top, int block) {
  const ImageView plane = covered.plane();
  const auto floor_to = [&](int value, int origin) {
    const int steps = (value - origin) / block;
    return origin + (steps - (origin + steps * block > value)) * block;
  };
  Blocks blocks;
  blocks.block = block;
  blocks.left = floor_to(covered.left(), left);
  blocks.top = floor_to(covered.top(), top);
  blocks.columns = (covered.right() - blocks.left + block - 1) / block;
  blocks.rows = (covered.bottom() - blocks.top + block - 1) / block;
  blocks.means.resize(static_cast<std::size_t>(blocks.columns) *
                      static_cast<std::size_t>(blocks.rows));
  for (int row = 0; row < blocks.rows; ++row) {
    const int from_y = std::max(blocks.top + row * block, 0);
    const int to_y = std::min(blocks.top + (row + 1) * block, plane.height);
    for (int column = 0; column < blocks.columns; ++column) {
      const int from_x = std::max(blocks.left + column * block, 0);
      const int to_x =
          std::min(blocks.left + (column + 1) * block, plane.width);
      std::int64_t sum = 0;
      for (int y = from_y; y < to_y; ++y) {
        const std::uint8_t* pixels = plane.Row(y);
        int row_sum = 0;
        for (int x = from_x; x < to_x; ++x) row_sum += pixels[x];
        sum += row_sum;
      }
      const std::int64_t count =
          std::int64_t{to_x - from_x} * std::int64_t{to_y - from_y};
      blocks.At(column, row) =
          static_cast<float>(sum) /
          static_cast<float>(std::max<std::int64_t>(count, 1));
    }
  }
  return blocks;
}

void Pixelate(const CoveredPlane& covered, int left, int top, int block) {
  if (covered.left() >= covered.right()) return;
  Blocks blocks = MeansOf(covered, left, top, block);
  for (int y = covered.top(); y < covered.bottom(); ++y) {
    const Span span = covered.RowSpan(y);
    for (int x = span.left; x < span.right;) {
      const int column = (x - blocks.left) / block;
      const int end = std::min(blocks.left + (column + 1) * block, span.right);
      std::memset(
          covered.plane().Pixel(x, y),
          static_cast<int>(blocks.At(column, (y - blocks.top) / block) + .5f),
          static_cast<std::size_t>(end - x));
      x = end;
    }
  }
}

// One box blur along a row or column of `count` values, `step` apart. What
// lies beyond the ends is as the ends are.
void BoxBlur(float* values, int count, int step, int radius,
             std::vector<float>& scratch) {
  scratch.resize(static_cast<std::size_t>(count));
  const auto at = [&](int i) {
    return values[std::clamp(i, 0, count - 1) * step];
  };
  float sum = 0;
  for (int i = -radius; i <= radius; ++i) sum += at(i);
  const float scale = 1 / static_cast<float>(2 * radius + 1);
  for (int i = 0; i < count; ++i) {
    scratch[static_cast<std::size_t>(i)] = sum * scale;
    sum += at(i + radius + 1) - at(i - radius);
  }
  for (int i = 0; i < count; ++i) {
    values[i * step] = scratch[static_cast<std::size_t>(i)];
  }
}

// Three box blurs, nearly a Gaussian, of the means of small blocks.
void Blur(const CoveredPlane& covered, int block, int radius) {
  if (covered.left() >= covered.right()) return;
  Blocks blocks = MeansOf(covered, covered.left(), covered.top(), block);
  std::vector<float> scratch;
  for (int pass = 0; pass < 3; ++pass) {
    for (int row = 0; row < blocks.rows; ++row) {
      BoxBlur(&blocks.At(0, row), blocks.columns, 1, radius, scratch);
    }
    for (int column = 0; column < blocks.columns; ++column) {
      BoxBlur(&blocks.At(column, 0), blocks.rows, blocks.columns, radius,
              scratch);
    }
  }
  // Bilinear between the blocks' centres.
  struct Tap {
    int first, second;
    float weight;  // Of the second.
  };
  const auto tap = [&](int pixel, int origin, int count) {
    const float at =
        (static_cast<float>(pixel - origin) + .5f) / static_cast<float>(block) -
        .5f;
    const int first = static_cast<int>(std::floor(at));
    return Tap{std::clamp(first, 0, count - 1),
               std::clamp(first + 1, 0, count - 1),
               at - static_cast<float>(first)};
  };
  std::vector<Tap> taps;
  for (int x = covered.left(); x < covered.right(); ++x) {
    taps.push_back(tap(x, blocks.left, blocks.columns));
  }
  std::vector<float> line(static_cast<std::size_t>(blocks.columns));
  for (int y = covered.top(); y < covered.bottom(); ++y) {
    const Span span = covered.RowSpan(y);
    if (span.empty()) continue;
    const Tap vertical = tap(y, blocks.top, blocks.rows);
    for (int column = 0; column < blocks.columns; ++column) {
      const float upper = blocks.At(column, vertical.first);
      const float lower = blocks.At(column, vertical.second);
      line[static_cast<std::size_t>(column)] =
          upper + (lower - upper) * vertical.weight;
    }
    std::uint8_t* pixels = covered.plane().Row(y);
    for (int x = span.left; x < span.right; ++x) {
      const Tap& t = taps[static_cast<std::size_t>(x - covered.left())];
      const float a = line[static_cast<std::size_t>(t.first)];
      const float b = line[static_cast<std::size_t>(t.second)];
      pixels[x] = static_cast<std::uint8_t>(a + (b - a) * t.weight + .5f);
    }
  }
}

class AnonymizeEffect final : public Effect {
 public:
  explicit AnonymizeEffect(AnonymizeOptions options)
      : options_(std::move(options)) {}

  Result<> Apply(Frame& frame, std::vector<TrackedFace>& faces) override {
    if (frame.pixels.empty()) return {};
    std::map<std::int64_t, std::vector<Place>> places;
    for (const TrackedFace& face : faces) {
      std::vector<Place> own;
      if (const auto place = PlaceOfBox(face.face.box)) own.push_back(*place);
      if (const auto place = PlaceOfMesh(face.face)) own.push_back(*place);
      const auto before = places_.find(face.track);
      if (own.empty() && before != places_.end()) own = before->second;
      if (IsToCover(face, options_)) {
        const Cover cover = own.empty() ? WholePicture(frame.pixels)
                                        : CoverFor(face, own, frame.pixels);
        if (!IsEmpty(cover)) Paint(cover, frame.pixels.MutableView());
      }
      if (!own.empty()) places.insert_or_assign(face.track, std::move(own));
    }
    places_ = std::move(places);
    return {};
  }

 private:
  Cover CoverFor(const TrackedFace& face, const std::vector<Place>& places,
                 const YuvImage& picture) const {
    const auto unseen = std::chrono::duration<float>(face.unseen_for).count();
    const float growth =
        std::clamp(kGrowthPerSecond * unseen, 0.f, kMostGrowth);
    std::vector<std::vector<PointF>> outlines;
    float size = 0;
    for (const Place& place : places) {
      AddOutline(place, 2 * (options_.margin + growth), outlines);
      size = std::max({size, 2 * std::hypot(place.across.x, place.across.y),
                       2 * std::hypot(place.down.x, place.down.y)});
    }
    return CoverOf(outlines, size, picture);
  }

  void Paint(const Cover& cover, const MutableYuvView& picture) const {
    const CoveredPlane planes[] = {{picture.LumaPlane(), 0, cover},
                                   {picture.UPlane(), 1, cover},
                                   {picture.VPlane(), 1, cover}};
    const auto longest =
        static_cast<float>(std::max(picture.width, picture.height));
    const float size = std::min(cover.size, 4 * longest);
    if (options_.mode == Mode::kFill) {
      const YuvPixel colour = ToYuv(38, 42, 50, picture.color);
      const std::uint8_t values[] = {colour.y, colour.u, colour.v};
      for (int i = 0; i < 3; ++i) Fill(planes[i], values[i]);
      return;
    }
    if (options_.mode == Mode::kPixelate) {
      // 8 to 4 blocks across the face; even, so that chroma has the same.
      const float across = 8 - 4 * options_.strength;
      const int half =
          std::max(1, static_cast<int>(std::ceil(size / across / 2)));
      const auto origin = [](float value) {
        return static_cast<int>(std::floor(std::clamp(value, -1e6f, 1e6f) / 2));
      };
      const int left = origin(cover.left), top = origin(cover.top);
      Pixelate(planes[0], 2 * left, 2 * top, 2 * half);
      Pixelate(planes[1], left, top, half);
      Pixelate(planes[2], left, top, half);
      return;
    }
    // Standard deviation of a tenth to a fifth of the face.
    const float sigma = (.1f + .1f * options_.strength) * size;
    const int half_block = std::max(1, static_cast<int>(sigma / 10));
    for (int i = 0; i < 3; ++i) {
      const int block = i == 0 ? 2 * half_block : half_block;
      // Three boxes of width w: variance (w * w - 1) / 4.
      const float in_blocks = sigma / static_cast<float>(2 * half_block);
      Blur(planes[i], block,
           std::max(1, static_cast<int>(std::ceil(in_blocks))));
    }
  }

  const AnonymizeOptions options_;
  // By track: where its face was last, in case its numbers become unusable.
  std::map<std::int64_t, std::vector<Place>> places_;
};

AnonymizeOptions OptionsOf(const EffectValues& values) {
  AnonymizeOptions options;
  const std::string& mode = values.Text("mode");
  options.mode = mode == "blur"   ? Mode::kBlur
                 : mode == "fill" ? Mode::kFill
                                  : Mode::kPixelate;
  options.only_unknown = values.Text("who") == "unknown";
  options.except = NamesIn(values.Text("except"));
  options.only = NamesIn(values.Text("only"));
  options.margin = static_cast<float>(values.Number("margin"));
  options.strength = static_cast<float>(values.Number("strength"));
  return options;
}

}  // namespace

EffectKind AnonymizeKind() {
  EffectKind kind;
  kind.name = "anonymize";
  kind.help = "Makes faces unrecognisable; in doubt, covers";
  kind.parameters = {
      {.name = "mode",
       .help = "how",
       .kind = EffectParameter::Kind::kChoice,
       .choices = {"pixelate", "blur", "fill"},
       .fallback = "pixelate"},
      {.name = "who",
       .help = "everybody, or those whom nobody knows",
       .kind = EffectParameter::Kind::kChoice,
       .choices = {"all", "unknown"},
       .fallback = "all"},
      {.name = "except",
       .help = "names never covered, NAME+NAME",
       .kind = EffectParameter::Kind::kText,
       .fallback = ""},
      {.name = "only",
       .help = "cover these alone and whoever is not decided yet, NAME+NAME",
       .kind = EffectParameter::Kind::kText,
       .fallback = ""},
      {.name = "margin",
       .help = "more than the head, in parts of the face's size",
       .least = 0,
       .most = 1,
       .fallback = "0.1"},
      {.name = "strength",
       .help = "how coarse",
       .least = 0,
       .most = 1,
       .fallback = "0.5"}};
  kind.hides_faces = true;
  kind.need = [](const EffectValues& values) {
    return DependsOnNames(OptionsOf(values)) ? EffectNeed::kNames
                                             : EffectNeed::kFaces;
  };
  kind.make = [](const EffectValues& values, const EffectContext&) {
    return Result<std::unique_ptr<Effect>>(
        std::make_unique<AnonymizeEffect>(OptionsOf(values)));
  };
  return kind;
}

}  // namespace ocelli
