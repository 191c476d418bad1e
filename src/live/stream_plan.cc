#include "live/stream_plan.h"

#include <algorithm>
#include <utility>

#include "live/live_session.h"

namespace ocelli {
namespace {

constexpr std::size_t kMostEffects = 16;

}  // namespace

Result<std::unique_ptr<EffectChain>> EffectChain::Make(
    const EffectRegistry& registry, const std::vector<std::string>& texts) {
  if (texts.size() > kMostEffects) {
    return Fail(ErrorCode::kInvalidArgument,
                std::to_string(texts.size()) + " effects: at most " +
                    std::to_string(kMostEffects) + " at a time");
  }
  auto chain = std::make_unique<EffectChain>();
  for (const std::string& text : texts) {
    const auto chosen = registry.Parse(text);
    if (!chosen) return chosen.Failure();
    auto effect = chosen->Make({});
    const std::string name(chosen->kind->name);
    if (!effect) return effect.Failure("effect " + name);
    chain->need_ = std::max(chain->need_, chosen->need());
    chain->hides_faces_ |= chosen->kind->hides_faces;
    chain->effects_.push_back({name, std::move(*effect)});
  }
  return chain;
}

Result<> EffectChain::Apply(Frame& frame, std::vector<TrackedFace>& faces) {
  for (const Named& named : effects_) {
    if (const auto done = named.effect->Apply(frame, faces); !done) {
      return done.Failure("effect " + named.name);
    }
  }
  return {};
}

StreamPlanner::StreamPlanner(OpenFaceTracker open,
                             const FrameStreamOptions& options)
    : open_(std::move(open)),
      tracker_options_(options.tracker),
      may_name_(options.may_name),
      describe_(options.sessions && !options.session.empty()) {
  AddAllEffects(registry_);
}

Result<std::shared_ptr<const StreamPlan>> StreamPlanner::Plan(
    const FrameStreamSettings& settings) {
  if (settings.quality < 1 || settings.quality > 100) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "quality " + std::to_string(settings.quality) + ": want 1 to 100");
  }
  std::shared_ptr<EffectChain> effects = effects_;
  if (!effects || settings.effects != effect_texts_) {
    auto made = EffectChain::Make(registry_, settings.effects);
    if (!made) return made.Failure();
    effects = std::move(*made);
  }
  EffectNeed need = settings.names   ? EffectNeed::kNames
                    : settings.faces ? EffectNeed::kFaces
                                     : EffectNeed::kNothing;
  if (settings.pictures) need = std::max(need, effects->need());
  if (!may_name_ && (settings.names || effects->need() == EffectNeed::kNames)) {
    return Fail(ErrorCode::kPermissionDenied,
                settings.names ? "no names of people for who asks"
                               : "an effect of these shows or needs names of "
                                 "people, who asks may not know them");
  }
  auto tracker = TrackerFor(need, settings.pictures && effects->hides_faces());
  if (!tracker) return tracker.Failure();
  effects_ = effects;
  effect_texts_ = settings.effects;
  return std::make_shared<const StreamPlan>(
      StreamPlan{settings, settings.pictures ? effects : nullptr, *tracker});
}

Result<std::shared_ptr<FaceTracker>> StreamPlanner::TrackerFor(
    EffectNeed need, bool hides_faces) {
  if (need == EffectNeed::kNothing) return nullptr;
  const bool identifies = need == EffectNeed::kNames;
  if (tracker_ && identifies == identifies_ && hides_faces == hides_faces_) {
    return tracker_;
  }
  FaceTrackerOptions options = tracker_options_;
  options.identify = identifies;
  options.describe = describe_;
  if (hides_faces) SearchToHide(options);
  auto opened = open_(options);
  if (!opened) return opened.Failure();
  tracker_ = std::move(*opened);
  identifies_ = identifies;
  hides_faces_ = hides_faces;
  return tracker_;
}

}  // namespace ocelli
