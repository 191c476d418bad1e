#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "effects/kinds.h"

namespace ocelli {
namespace {

// Critically damped: 95 % of a way in about a second and a half.
constexpr float kFrequency = 3;  // Radians a second.
// Share of the view by which a face may move before the camera does.
constexpr float kSlack = .04f;

bool IsUsable(const RectF& box) {
  constexpr float kFarthest = 1e6f;
  return std::abs(box.x) <= kFarthest && std::abs(box.y) <= kFarthest &&
         box.width > 0 && box.width <= kFarthest && box.height > 0 &&
         box.height <= kFarthest;
}

FrameSize SizeOf(const EffectValues& values) {
  return {static_cast<int>(values.Number("width")) / 2 * 2,
          static_cast<int>(values.Number("height")) / 2 * 2};
}

// One coordinate of the camera.
struct Damped {
  float at = 0;
  float speed = 0;  // Pixels a second.
  float goal = 0;

  // The exact solution of x'' = -2 w x' - w^2 (x - goal).
  void Advance(float seconds) {
    const float away = at - goal;
    const float slope = speed + kFrequency * away;
    const float decay = std::exp(-kFrequency * seconds);
    at = goal + (away + slope * seconds) * decay;
    speed = (speed - kFrequency * slope * seconds) * decay;
  }

  void Follow(float face, float slack) {
    goal = std::clamp(goal, face - slack, face + slack);
  }
};

// `out` shows `in` from (x, y) on, a pixel of it `scale` pixels wide.
void ScalePlane(ImageView in, float x, float y, float scale,
                MutableImageView out, std::vector<int>& columns) {
  struct Position {
    int first, second, part;  // Part: of 256, of the second.
  };
  const auto locate = [scale](float start, int index, int size) {
    const float at =
        std::clamp(start + (static_cast<float>(index) + .5f) * scale - .5f, 0.f,
                   static_cast<float>(size - 1));
    const int first = static_cast<int>(at);
    return Position{
        first, std::min(first + 1, size - 1),
        static_cast<int>((at - static_cast<float>(first)) * 256 + .5f)};
  };
  columns.resize(3 * static_cast<std::size_t>(out.width));
  for (int i = 0; i < out.width; ++i) {
    const Position position = locate(x, i, in.width);
    int* column = columns.data() + std::ptrdiff_t{3} * i;
    column[0] = position.first;
    column[1] = position.second;
    column[2] = position.part;
  }
  for (int row = 0; row < out.height; ++row) {
    const Position position = locate(y, row, in.height);
    const std::uint8_t* upper = in.Row(position.first);
    const std::uint8_t* lower = in.Row(position.second);
    std::uint8_t* pixels = out.Row(row);
    const int* column = columns.data();
    for (int i = 0; i < out.width; ++i, column += 3) {
      const int above = upper[column[0]] * 256 +
                        (upper[column[1]] - upper[column[0]]) * column[2];
      const int below = lower[column[0]] * 256 +
                        (lower[column[1]] - lower[column[0]]) * column[2];
      pixels[i] = static_cast<std::uint8_t>(
          (above * 256 + (below - above) * position.part + 32768) >> 16);
    }
  }
}

void CopyPlane(ImageView in, int x, int y, MutableImageView out) {
  for (int row = 0; row < out.height; ++row) {
    std::memcpy(out.Row(row), in.Pixel(x, y + row),
                static_cast<std::size_t>(out.width));
  }
}

class Crop final : public Effect {
 public:
  Crop(FrameSize size, float zoom) : size_(size), zoom_(zoom) {}

  Result<> Apply(Frame& frame, std::vector<TrackedFace>& faces) override {
    const YuvImage input = frame.pixels;
    if (input.empty()) {
      return Fail(ErrorCode::kInvalidArgument, "crop: a frame without pixels");
    }
    const auto width = static_cast<float>(size_.width);
    const auto height = static_cast<float>(size_.height);
    // Input pixels to an output pixel; the view keeps inside the input.
    const float scale =
        std::min({1 / zoom_, static_cast<float>(input.width()) / width,
                  static_cast<float>(input.height()) / height});
    MoveCamera(frame, faces, input, width * scale, height * scale);

    // The upper left corner.
    float x = x_.at - width * scale / 2;
    float y = y_.at - height * scale / 2;
    x = std::clamp(
        x, 0.f,
        std::max(static_cast<float>(input.width()) - width * scale, 0.f));
    y = std::clamp(
        y, 0.f,
        std::max(static_cast<float>(input.height()) - height * scale, 0.f));
    YuvImage output(size_.width, size_.height, input.color());
    const MutableYuvView to = output.MutableView();
    const YuvView from = input;
    if (scale == 1) {
      const int left = static_cast<int>(x) / 2 * 2;
      const int top = static_cast<int>(y) / 2 * 2;
      x = static_cast<float>(left);
      y = static_cast<float>(top);
      CopyPlane(from.LumaPlane(), left, top, to.LumaPlane());
      CopyPlane(from.UPlane(), left / 2, top / 2, to.UPlane());
      CopyPlane(from.VPlane(), left / 2, top / 2, to.VPlane());
    } else {
      ScalePlane(from.LumaPlane(), x, y, scale, to.LumaPlane(), columns_);
      ScalePlane(from.UPlane(), x / 2, y / 2, scale, to.UPlane(), columns_);
      ScalePlane(from.VPlane(), x / 2, y / 2, scale, to.VPlane(), columns_);
    }
    frame.pixels = std::move(output);
    for (TrackedFace& face : faces) MoveFace(face.face, x, y, scale);
    return {};
  }

 private:
  // The face that is followed already, or else the largest.
  const TrackedFace* Choose(const std::vector<TrackedFace>& faces) {
    const TrackedFace* chosen = nullptr;
    for (const TrackedFace& face : faces) {
      if (!IsUsable(face.face.box)) continue;
      if (track_ && face.track == *track_) return &face;
      if (face.seen() &&
          (!chosen || face.face.box.area() > chosen->face.box.area())) {
        chosen = &face;
      }
    }
    if (chosen) track_ = chosen->track;
    return chosen;
  }

  void MoveCamera(const Frame& frame, const std::vector<TrackedFace>& faces,
                  const YuvImage& input, float width, float height) {
    const auto input_width = static_cast<float>(input.width());
    const auto input_height = static_cast<float>(input.height());
    const bool first = !last_time_;
    if (first || input_size_ != FrameSize{input.width(), input.height()}) {
      x_ = {input_width / 2, 0, input_width / 2};
      y_ = {input_height / 2, 0, input_height / 2};
      input_size_ = {input.width(), input.height()};
    }
    if (const TrackedFace* face = Choose(faces)) {
      // What the camera cannot show it doesn't strive for.
      const auto reachable = [](float center, float view, float end) {
        return std::clamp(center, std::min(view, end) / 2,
                          end - std::min(view, end) / 2);
      };
      const PointF center = face->face.box.center();
      x_.Follow(reachable(center.x, width, input_width), kSlack * width);
      y_.Follow(reachable(center.y, height, input_height), kSlack * height);
    }
    if (first) {
      x_.at = x_.goal;
      y_.at = y_.goal;
    } else {
      const float seconds = std::clamp(
          std::chrono::duration<float>(frame.time - *last_time_).count(), 0.f,
          10.f);
      x_.Advance(seconds);
      y_.Advance(seconds);
    }
    last_time_ = frame.time;
  }

  static void MoveFace(Face& face, float x, float y, float scale) {
    const float factor = 1 / scale;
    face.box = {(face.box.x - x) * factor, (face.box.y - y) * factor,
                face.box.width * factor, face.box.height * factor};
    for (PointF& point : face.keypoints) {
      point = {(point.x - x) * factor, (point.y - y) * factor};
    }
    for (Point3F& point : face.mesh) {
      point = {(point.x - x) * factor, (point.y - y) * factor,
               point.z * factor};
    }
  }

  const FrameSize size_;
  const float zoom_;
  std::optional<std::int64_t> track_;
  std::optional<std::chrono::microseconds> last_time_;
  FrameSize input_size_;
  Damped x_, y_;  // The middle of the view, in pixels of the input.
  std::vector<int> columns_;
};

}  // namespace

EffectKind CropKind() {
  return {
      .name = "crop",
      .help = "follows a face like a camera",
      .parameters = {{.name = "width",
                      .help = "of what comes out, in pixels; made even",
                      .least = 16,
                      .most = 7680,
                      .fallback = "640"},
                     {.name = "height",
                      .help = "of what comes out, in pixels; made even",
                      .least = 16,
                      .most = 4320,
                      .fallback = "480"},
                     {.name = "zoom",
                      .help = "1 shows pixels as they are, 2 twice as large",
                      .least = .25,
                      .most = 8,
                      .fallback = "1"}},
      .need = [](const EffectValues&) { return EffectNeed::kFaces; },
      .make = [](const EffectValues& values,
                 const EffectContext&) -> Result<std::unique_ptr<Effect>> {
        return std::make_unique<Crop>(
            SizeOf(values), static_cast<float>(values.Number("zoom")));
      },
      .output_size = [](const EffectValues& values,
                        FrameSize) { return SizeOf(values); },
  };
}

}  // namespace ocelli
