#include "live/filter_effect.h"

#include <optional>
#include <utility>

#include "media/filter_graph.h"

namespace ocelli {
namespace {

// Moves the faces of a picture that the graph has scaled.
void Scale(std::vector<TrackedFace>& faces, float x, float y) {
  for (TrackedFace& tracked : faces) {
    Face& face = tracked.face;
    face.box = {face.box.x * x, face.box.y * y, face.box.width * x,
                face.box.height * y};
    for (PointF& point : face.keypoints) point = {point.x * x, point.y * y};
    for (Point3F& point : face.mesh) {
      point = {point.x * x, point.y * y, point.z * x};
    }
  }
}

class FilterEffect final : public Effect {
 public:
  explicit FilterEffect(std::unique_ptr<FilterGraph> graph)
      : graph_(std::move(graph)) {}

  Result<> Apply(Frame& frame, std::vector<TrackedFace>& faces) override {
    auto filtered = graph_->Apply(frame);
    if (!filtered) return filtered.Failure();
    // A graph that wants more frames first shows what it last gave.
    if (*filtered) last_ = std::move(**filtered);
    if (!last_) return {};
    Scale(faces,
          static_cast<float>(last_->width()) /
              static_cast<float>(frame.pixels.width()),
          static_cast<float>(last_->height()) /
              static_cast<float>(frame.pixels.height()));
    frame.pixels = *last_;
    return {};
  }

 private:
  const std::unique_ptr<FilterGraph> graph_;
  std::optional<YuvImage> last_;
};

}  // namespace

EffectKind FilterKind() {
  return {
      .name = "filter",
      .help = "Any graph of libavfilter: filter:graph=hue=s=0\\,vignette",
      .parameters = {{.name = "graph",
                      .help = "The graph; commas and colons behind a backslash",
                      .kind = EffectParameter::Kind::kText,
                      .choices = {},
                      .fallback = "hue=s=0"}},
      .need = [](const EffectValues&) { return EffectNeed::kNothing; },
      .make = [](const EffectValues& values,
                 const EffectContext&) -> Result<std::unique_ptr<Effect>> {
        auto graph = FilterGraph::Open(values.Text("graph"));
        if (!graph) return graph.Failure();
        return std::make_unique<FilterEffect>(std::move(*graph));
      },
      .output_size =
          [](const EffectValues& values, FrameSize input) {
            const auto graph = FilterGraph::Open(values.Text("graph"));
            if (!graph) return input;  // Making the effect says why.
            const auto size = (*graph)->OutputSize(input.width, input.height);
            return size ? FrameSize{size->first, size->second} : input;
          },
  };
}

}  // namespace ocelli
