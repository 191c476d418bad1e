#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "effects/canvas.h"
#include "effects/kinds.h"
#include "effects/overlay.h"

namespace ocelli {
namespace {

// Of a face that is not seen right now.
constexpr float kUnseenOpacity = .35f;

struct OverlayOptions {
  bool names = true;
  bool boxes = true;
  bool mesh = false;
  bool tracks = false;
};

OverlayOptions OptionsOf(const EffectValues& values) {
  const auto on = [&](std::string_view name) {
    return values.Text(name) == "on";
  };
  return {on("names"), on("boxes"), on("mesh"), on("tracks")};
}

// Whether anything of the face may lie in the picture.
bool IsNear(const Face& face, const YuvImage& picture) {
  const RectF whole = {0, 0, static_cast<float>(picture.width()),
                       static_cast<float>(picture.height())};
  if (!IsDrawable(face.box)) return !face.mesh.empty();
  // A line and its shadow reach beyond the box, a name too.
  const float reach = 64 + face.box.height;
  return IntersectionArea(
             {face.box.x - reach, face.box.y - reach,
              face.box.width + 2 * reach, face.box.height + 2 * reach},
             whole) > 0;
}

class OverlayEffect final : public Effect {
 public:
  explicit OverlayEffect(const OverlayOptions& options) : options_(options) {}

  Result<> Apply(Frame& frame, std::vector<TrackedFace>& faces) override {
    std::vector<OverlayFace> shown;
    for (const TrackedFace& tracked : faces) {
      if (!IsNear(tracked.face, frame.pixels)) continue;
      OverlayFace face;
      face.box = tracked.face.box;
      face.show_box = options_.boxes;
      face.opacity = tracked.seen() ? 1 : kUnseenOpacity;
      face.known = !tracked.name.empty();
      if (options_.names) face.label = tracked.name;
      if (options_.tracks && face.label.empty()) {
        face.label = "#" + std::to_string(tracked.track);
      }
      if (options_.mesh) face.mesh = tracked.face.mesh;
      const bool any =
          face.show_box || !face.label.empty() || !face.mesh.empty();
      if (any) shown.push_back(std::move(face));
    }
    if (!shown.empty()) painter_.Draw(frame.pixels.MutableView(), shown);
    return {};
  }

 private:
  const OverlayOptions options_;
  OverlayPainter painter_;
};

EffectParameter Switch(std::string_view name, std::string_view help,
                       std::string_view fallback) {
  return {.name = name,
          .help = help,
          .kind = EffectParameter::Kind::kChoice,
          .choices = {"on", "off"},
          .fallback = fallback};
}

}  // namespace

EffectKind OverlayKind() {
  EffectKind kind;
  kind.name = "overlay";
  kind.help = "Boxes, names and meshes of the faces";
  kind.parameters = {
      Switch("names", "names of those who are known", "on"),
      Switch("boxes", "a frame around each face", "on"),
      Switch("mesh", "the points of each face's mesh", "off"),
      Switch("tracks", "the number of the track where no name is shown",
             "off")};
  kind.need = [](const EffectValues& values) {
    return OptionsOf(values).names ? EffectNeed::kNames : EffectNeed::kFaces;
  };
  kind.make = [](const EffectValues& values, const EffectContext&) {
    return Result<std::unique_ptr<Effect>>(
        std::make_unique<OverlayEffect>(OptionsOf(values)));
  };
  return kind;
}

}  // namespace ocelli
