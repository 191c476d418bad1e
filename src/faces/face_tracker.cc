#include "faces/face_tracker.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include "faces/alignment.h"
#include "faces/awaited_faces.h"
#include "faces/face_describer.h"
#include "faces/face_models.h"
#include "faces/face_quality.h"
#include "faces/landmark_flow.h"
#include "faces/model_input.h"
#include "faces/one_euro.h"
#include "faces/scene_cut.h"
#include "faces/track_identity.h"

namespace ocelli {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr milliseconds kSearchLostEvery{200};
// Times of frames are rounded.
constexpr microseconds kRounding{1000};
// Of a search picture: the finer of the detector's usual levels.
constexpr float kSearchSide = 640;

// A part of a frame in RGB, maybe smaller, and where its pixels lie.
struct Crop {
  Image image;
  float left = 0, top = 0;
  float scale = 1;  // Pixels of the frame that one of the crop's is wide.
};

// The part inside the frame, from even coordinates; empty where they do not
// meet.
Crop CropOf(YuvView frame, const RectF& wanted, int half) {
  const RectF inside = ClipTo(wanted, frame.width, frame.height);
  const int left = static_cast<int>(inside.x) / 2 * 2;
  const int top = static_cast<int>(inside.y) / 2 * 2;
  const int right = static_cast<int>(std::ceil(inside.right()));
  const int bottom = static_cast<int>(std::ceil(inside.bottom()));
  Crop crop{{}, static_cast<float>(left), static_cast<float>(top), 1};
  if (right <= left || bottom <= top) return crop;
  if (half == 0) {
    crop.image = ToRgb(frame, left, top, right - left, bottom - top);
    return crop;
  }
  YuvView part = frame;
  part.y += top * frame.y_stride + left;
  part.u += top / 2 * frame.uv_stride + left / 2;
  part.v += top / 2 * frame.uv_stride + left / 2;
  part.width = right - left;
  part.height = bottom - top;
  crop.image = ShrinkToRgb(part, half);
  crop.scale = static_cast<float>(2 * half);
  return crop;
}

// The upright bounds of a region and two pixels around it.
RectF UprightBounds(const Region& region) {
  const float cosine = std::abs(std::cos(region.rotation));
  const float sine = std::abs(std::sin(region.rotation));
  const float width = region.width * cosine + region.height * sine + 4;
  const float height = region.width * sine + region.height * cosine + 4;
  return {region.center.x - width / 2, region.center.y - height / 2, width,
          height};
}

PointF ToFrame(const Crop& crop, PointF point) {
  return {crop.left + point.x * crop.scale, crop.top + point.y * crop.scale};
}

PointF ToCrop(const Crop& crop, PointF point) {
  return {(point.x - crop.left) / crop.scale,
          (point.y - crop.top) / crop.scale};
}

void ToFrame(const Crop& crop, std::span<Point3F> mesh) {
  for (Point3F& point : mesh) {
    const PointF place = ToFrame(crop, {point.x, point.y});
    point = {place.x, place.y, point.z * crop.scale};
  }
}

void ToFrame(const Crop& crop, Face& face) {
  const PointF corner = ToFrame(crop, {face.box.x, face.box.y});
  face.box = {corner.x, corner.y, face.box.width * crop.scale,
              face.box.height * crop.scale};
  for (PointF& point : face.keypoints) point = ToFrame(crop, point);
  ToFrame(crop, face.mesh);
}

bool AllFinite(std::span<const Point3F> mesh) {
  return std::all_of(mesh.begin(), mesh.end(), [](const Point3F& point) {
    return std::isfinite(point.x) && std::isfinite(point.y) &&
           std::isfinite(point.z);
  });
}

float SideOf(const RectF& box) { return (box.width + box.height) / 2; }

bool SamePlace(const RectF& a, const RectF& b) {
  return IntersectionOverUnion(a, b) > .3f ||
         IntersectionOverSmaller(a, b) > .7f;
}

struct FollowedFace {
  std::int64_t id = 0;
  Face shown;  // As the caller gets it.
  // Where the mesh is, not smoothed. None: a face that only the detector sees.
  std::vector<Point3F> mesh;
  // What it looks like, of unit length: newer looks weigh more. Or none.
  std::vector<float> descriptor;
  microseconds last_seen{};
  bool seen = true;  // In the last frame that was looked at.
  OneEuroFilter filter;
  LandmarkFlow flow;
};

class Stopwatch {
 public:
  explicit Stopwatch(double& sum) : sum_(sum) {}
  ~Stopwatch() {
    sum_ +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start_)
            .count();
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  double& sum_;
  const std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
};

class Tracker final : public FaceTracker {
 public:
  Tracker(FaceModels models, int mesh_side, std::string describer,
          const Gallery* gallery, const FaceTrackerOptions& options)
      : models_(std::move(models)),
        mesh_side_(mesh_side),
        describer_(std::move(describer)),
        gallery_(gallery),
        options_(options) {}

  Result<std::vector<TrackedFace>> Track(const Frame& frame) override {
    const YuvView picture = frame.pixels.view();
    const microseconds now = std::max(frame.time, last_time_);
    described_.reset();
    awaited_.Pass(now - last_time_);
    last_time_ = now;
    if (picture.width != width_ || picture.height != height_) {
      width_ = picture.width;
      height_ = picture.height;
      EndAll();
      awaited_.PictureIs(width_, height_);
      next_search_ = next_analysis_ = now;
    }
    if (picture.empty()) return std::vector<TrackedFace>();
    const bool cut = scene_.IsCut(picture.LumaPlane());
    if (cut) {
      next_search_ = next_analysis_ = now;
      awaited_.ForgetPlaces();
    }
    if (now + kRounding >= next_analysis_) {
      const microseconds planned = next_analysis_ + options_.analyze_every;
      next_analysis_ = planned > now ? planned : now + options_.analyze_every;
      if (auto done = Analyze(picture, now, cut); !done) return done.Failure();
    } else {
      Carry(picture.LumaPlane(), now);
    }
    EndLost(now);
    return Faces(now);
  }

  std::optional<TrackedFace> TakeDescribed() override {
    if (described_) SetVerdict(*described_);
    return std::exchange(described_, std::nullopt);
  }

  FaceTrackerState State() const override {
    FaceTrackerState state;
    state.width = width_ > 0 ? width_ : awaited_.width();
    state.height = height_ > 0 ? height_ : awaited_.height();
    state.next_id = next_id_;
    state.describer = describer_;
    state.tracks = awaited_.faces();
    for (const FollowedFace& track : tracks_) {
      state.tracks.push_back({track.id, track.shown.box,
                              last_time_ - track.last_seen, track.descriptor,
                              identities_.VotesOf(track.id)});
    }
    return state;
  }

  void Restore(FaceTrackerState state, microseconds gap) override {
    if (state.describer != describer_) {
      for (TrackState& track : state.tracks) {
        track.descriptor.clear();
        track.votes = {};
      }
    }
    next_id_ = std::max(next_id_, state.next_id);
    for (const TrackState& track : state.tracks) {
      next_id_ = std::max(next_id_, track.id + 1);
    }
    AwaitedFaces::Options options;
    options.threshold = options_.identification.threshold;
    options.by_place = options_.resume_by_place;
    options.by_descriptor = options_.resume_by_descriptor;
    awaited_ = AwaitedFaces(options, std::move(state.tracks), state.width,
                            state.height, gap);
  }

  FaceTrackerTimes times() const override { return times_; }

 private:
  Result<> Analyze(YuvView picture, microseconds now, bool cut) {
    // After a cut another face may be where one was.
    if (cut) {
      for (auto& track : tracks_) track.seen = false;
    } else if (auto done = FollowByMesh(picture, now); !done) {
      return done;
    }
    if (now + kRounding >= next_search_) {
      if (auto done = Search(picture, now, cut); !done) return done;
    }
    if (cut) {
      EndIf([](const auto& track) { return !track.seen; });
    }
    if (options_.analyze_every.count() > 0) {
      const Stopwatch carrying(times_.carrying);
      for (auto& track : tracks_) {
        if (track.seen) {
          track.flow.Begin(picture.LumaPlane(), track.shown.box, track.mesh);
        } else {
          track.flow.Reset();
        }
      }
    }
    return Identify(picture, now);
  }

  Result<> FollowByMesh(YuvView picture, microseconds now) {
    // A face that was lost is looked for where it was, for so long; it has to
    // be clear to be found again.
    constexpr milliseconds kWait{500};
    constexpr float kClear = 2;
    std::vector<std::optional<FaceMesh>> meshes(tracks_.size());
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
      FollowedFace& track = tracks_[i];
      if (track.mesh.empty() || (!track.seen && now - track.last_seen > kWait))
        continue;
      auto mesh = RunMesh(picture, MeshRegion(track.mesh), 1);
      if (!mesh) return mesh.Failure();
      if (*mesh && (*mesh)->logit > (track.seen ? 0 : kClear)) {
        meshes[i] = std::move(*mesh);
      }
    }
    DropDoubles(meshes);
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
      FollowedFace& track = tracks_[i];
      if (track.mesh.empty()) continue;
      if (meshes[i]) {
        if (!track.seen) identities_.AskSoon(track.id, now);
        See(track, std::move(*meshes[i]), now, !track.seen);
      } else if (track.seen) {
        track.seen = false;
        SearchFrom(now + microseconds(1));
      }
    }
    return {};
  }

  // Of two meshes on one face, that of the track which moved less stays: the
  // other's face is hidden. A face that was lost gives way.
  void DropDoubles(std::vector<std::optional<FaceMesh>>& meshes) const {
    constexpr float kSame = .5f;
    const auto steadiness = [&](std::size_t i) {
      return tracks_[i].seen
                 ? 1 + IntersectionOverUnion(BoundsOf(tracks_[i].mesh),
                                             BoundsOf(meshes[i]->points))
                 : 0;
    };
    for (std::size_t i = 0; i < meshes.size(); ++i) {
      for (std::size_t k = i + 1; meshes[i] && k < meshes.size(); ++k) {
        if (!meshes[k] ||
            IntersectionOverUnion(BoundsOf(meshes[i]->points),
                                  BoundsOf(meshes[k]->points)) <= kSame) {
          continue;
        }
        (steadiness(k) > steadiness(i) ? meshes[i] : meshes[k]).reset();
      }
    }
  }

  // The mesh in a region of the frame, or nothing where there can be none.
  Result<std::optional<FaceMesh>> RunMesh(YuvView picture, Region region,
                                          int passes) {
    const Stopwatch meshing(times_.meshing);
    const auto mesher = models_.mesher->Get();
    if (!mesher) return mesher.Failure();
    FaceMesh mesh;
    for (int pass = 0; pass < passes; ++pass) {
      const RectF bounds = UprightBounds(region);
      const RectF whole{0, 0, static_cast<float>(picture.width),
                        static_cast<float>(picture.height)};
      constexpr float kLeastInside = .25f, kLeastSide = 4;
      const bool usable =
          std::isfinite(bounds.area()) && region.width >= kLeastSide &&
          IntersectionArea(bounds, whole) >= kLeastInside * bounds.area();
      if (!usable) return std::nullopt;
      const int half = std::clamp(
          static_cast<int>(region.width / static_cast<float>(mesh_side_)) / 2,
          0, 64);
      const Crop crop = CropOf(picture, bounds, half);
      if (crop.image.empty()) return std::nullopt;
      const Region inside{ToCrop(crop, region.center),
                          region.width / crop.scale, region.height / crop.scale,
                          region.rotation};
      auto meshes = (*mesher)->Run(crop.image, {&inside, 1});
      if (!meshes) return meshes.Failure();
      ++times_.meshes;
      mesh = std::move(meshes->front());
      ToFrame(crop, mesh.points);
      if (!AllFinite(mesh.points)) return std::nullopt;
      region = MeshRegion(mesh.points);
    }
    return mesh;
  }

  void See(FollowedFace& track, FaceMesh mesh, microseconds now, bool anew) {
    if (anew) track.filter.Reset();
    track.mesh = std::move(mesh.points);
    track.shown.score = Sigmoid(std::clamp(mesh.logit, -100.f, 100.f));
    track.seen = true;
    track.last_seen = now;
    Show(track, now);
  }

  void Show(FollowedFace& track, microseconds now) {
    if (track.mesh.empty()) return;
    track.shown.mesh =
        options_.smooth
            ? track.filter.Apply(now, SideOf(BoundsOf(track.mesh)), track.mesh)
            : track.mesh;
    track.shown.box = BoundsOf(track.shown.mesh);
    track.shown.keypoints = KeypointsOf(track.shown.mesh);
  }

  void SearchFrom(microseconds time) {
    next_search_ = std::min(next_search_, time);
  }

  // Thorough where nobody is followed or a face that only the detector sees
  // is; else every third time, for that takes as long as 20 meshes.
  Result<> Search(YuvView picture, microseconds now, bool cut) {
    constexpr int kQuickInARow = 2;
    const bool only_meshes =
        !tracks_.empty() && std::none_of(tracks_.begin(), tracks_.end(),
                                         [](const FollowedFace& track) {
                                           return track.mesh.empty();
                                         });
    const bool quick = !options_.thorough && only_meshes && !cut &&
                       quick_searches_ < kQuickInARow;
    quick_searches_ = quick ? quick_searches_ + 1 : 0;
    auto found = FindIn(picture, quick);
    if (!found) return found.Failure();
    for (auto& track : tracks_) {
      if (track.mesh.empty()) track.seen = false;
    }
    for (Face& face : *found) {
      if (auto done = Welcome(picture, std::move(face), now, cut); !done) {
        return done;
      }
    }
    // Faces of before: often at first, then as others.
    constexpr milliseconds kHurry{3000};
    // What only the detector sees comes and goes too often.
    const bool lost = std::any_of(tracks_.begin(), tracks_.end(),
                                  [](const FollowedFace& track) {
                                    return !track.seen && !track.mesh.empty();
                                  }) ||
                      (!awaited_.empty() && now < kHurry);
    next_search_ = now + (lost ? std::min<milliseconds>(kSearchLostEvery,
                                                        options_.detect_every)
                               : options_.detect_every);
    return {};
  }

  // Best first.
  Result<std::vector<Face>> FindIn(YuvView picture, bool quick) {
    const Stopwatch detecting(times_.detecting);
    ++times_.detections;
    const float long_side =
        static_cast<float>(std::max(picture.width, picture.height));
    FaceFinderOptions options = FinderOptionsOf(options_.faces);
    float side = kSearchSide;
    if (options.min_face > 0) {
      constexpr float kSmallestBox = 12;  // Pixels the detector needs.
      side = std::max(side, kSmallestBox * long_side / options.min_face);
    }
    const int half = std::clamp(static_cast<int>(long_side / side / 2), 0, 64);
    const Crop crop = CropOf(picture,
                             {0, 0, static_cast<float>(picture.width),
                              static_cast<float>(picture.height)},
                             half);
    options.min_face /= crop.scale;
    options.quick = quick;
    const FaceFinder finder(*models_.detector, models_.mesher.get(), options);
    auto found = finder.Find(crop.image);
    if (!found) return found;
    for (Face& face : *found) {
      ToFrame(crop, face);
      if (!face.mesh.empty() && AllFinite(face.mesh)) {
        face.box = BoundsOf(face.mesh);
      } else {
        face.mesh.clear();
      }
    }
    std::erase_if(*found, [](const Face& face) {
      return !(std::isfinite(face.box.x) && std::isfinite(face.box.y) &&
               face.box.area() > 0 && std::isfinite(face.box.area()));
    });
    std::sort(found->begin(), found->end(),
              [](const Face& a, const Face& b) { return a.score > b.score; });
    return found;
  }

  // A face that a search found: one that is followed, was lost, or is new.
  Result<> Welcome(YuvView picture, Face face, microseconds now, bool cut) {
    const auto followed = [&](const FollowedFace& track) {
      return track.seen && SamePlace(track.shown.box, face.box);
    };
    if (std::any_of(tracks_.begin(), tracks_.end(), followed)) return {};
    std::optional<FaceMesh> mesh;
    if (!face.mesh.empty()) {
      // The search saw a smaller picture.
      auto finer = RunMesh(picture, MeshRegion(face.mesh), 1);
      if (!finer) return finer.Failure();
      mesh = std::move(*finer);
      if (mesh && !(mesh->logit > 0)) mesh.reset();
      if (mesh) face.box = BoundsOf(mesh->points);
    }
    FollowedFace* nearest = nullptr;
    float least = std::numeric_limits<float>::infinity();
    for (auto& track : tracks_) {
      if (track.seen) {
        if (SamePlace(track.shown.box, face.box)) return {};
        continue;
      }
      const auto distance = DistanceOfFaces(track.shown.box, face.box);
      if (!distance || *distance >= least) continue;
      if (cut && !SamePlace(track.shown.box, face.box)) continue;
      least = *distance;
      nearest = &track;
    }
    if (nearest && cut) {
      identities_.Restart(nearest->id);
      nearest->descriptor.clear();
    }
    if (nearest) identities_.AskSoon(nearest->id, now);
    if (!nearest) {
      if (tracks_.size() >= static_cast<std::size_t>(options_.max_faces)) {
        return {};
      }
      auto known = TakeAwaited(picture, face.box, mesh);
      if (!known) return known.Failure();
      nearest = &tracks_.emplace_back();
      if (*known) {
        nearest->id = (*known)->id;
        nearest->descriptor = std::move((*known)->descriptor);
        identities_.Restore(nearest->id, (*known)->votes, now);
      } else {
        nearest->id = next_id_++;
      }
    }
    nearest->shown.score = face.score;
    if (mesh) {
      See(*nearest, std::move(*mesh), now, true);
      return {};
    }
    nearest->seen = true;
    nearest->last_seen = now;
    nearest->mesh.clear();
    nearest->shown.mesh.clear();
    nearest->shown.box = face.box;
    nearest->shown.keypoints = face.keypoints;
    return {};
  }

  // The face of before that this one is, if any.
  Result<std::optional<TrackState>> TakeAwaited(
      YuvView picture, const RectF& box, const std::optional<FaceMesh>& mesh) {
    if (awaited_.empty()) return std::nullopt;
    std::vector<float> descriptor;
    if (mesh && models_.describer && awaited_.AnyDescriptor()) {
      const Stopwatch describing(times_.describing);
      const TrackIdentityOptions worth;
      auto look = Look(picture, mesh->points);
      if (!look) return look.Failure();
      const float quality = *look ? (*look)->quality.overall : 0;
      if (quality >= worth.least_quality) {
        if (auto done = Describe(**look); !done) return done.Failure();
        descriptor = std::move((*look)->descriptor);
      }
      // A poor look may tell who it is, not who it isn't.
      if (quality < worth.good_quality) {
        if (auto known = awaited_.Take(descriptor)) return known;
        descriptor.clear();
      }
    }
    return awaited_.Take(box, descriptor);
  }

  void Carry(ImageView luma, microseconds now) {
    const Stopwatch carrying(times_.carrying);
    for (auto& track : tracks_) {
      if (!track.seen) continue;
      const auto motion = track.flow.Advance(luma);
      if (!motion) continue;
      track.last_seen = now;
      if (!track.mesh.empty()) {
        Move(*motion, track.mesh);
        Show(track, now);
        continue;
      }
      track.shown.box = Moved(*motion, track.shown.box);
      for (PointF& point : track.shown.keypoints) point = motion->Apply(point);
    }
  }

  // One face of a frame at most: describing takes long.
  Result<> Identify(YuvView picture, microseconds now) {
    if (!models_.describer) return {};
    for (const auto& track : tracks_) {
      identities_.SetSeen(track.id, track.seen);
    }
    for (std::size_t i = 0; i < tracks_.size(); ++i) {
      // In turn, so that nobody waits for ever.
      auto& track = tracks_[(turn_ + i) % tracks_.size()];
      if (track.mesh.empty() || track.last_seen != now ||
          !identities_.Due(track.id, now)) {
        continue;
      }
      turn_ = (turn_ + i + 1) % tracks_.size();
      return AskFor(track, picture, now);
    }
    return {};
  }

  // A face apart from its picture, to be described.
  struct FaceLook {
    Image image;
    Affine alignment;
    FaceQuality quality;
    std::vector<float> descriptor;
  };

  // Without descriptor; nothing where the face is outside.
  static Result<std::optional<FaceLook>> Look(YuvView picture,
                                              std::vector<Point3F> mesh) {
    Crop crop = CropOf(picture, UprightBounds(MeshRegion(mesh)), 0);
    if (crop.image.empty()) return std::nullopt;
    for (Point3F& point : mesh) {
      point.x -= crop.left;
      point.y -= crop.top;
    }
    Face face;
    face.box = BoundsOf(mesh);
    face.keypoints = KeypointsOf(mesh);
    face.mesh = std::move(mesh);
    FaceLook look;
    look.alignment = AlignByMesh(face.mesh);
    look.quality = MeasureQuality(crop.image, face, look.alignment);
    look.image = std::move(crop.image);
    return look;
  }

  Result<> Describe(FaceLook& look) {
    const auto describer = models_.describer->Get();
    if (!describer) return describer.Failure();
    auto described = (*describer)->Describe(look.image, {&look.alignment, 1});
    if (!described) return described.Failure();
    ++times_.descriptions;
    look.descriptor = std::move(described->front());
    return {};
  }

  Result<> AskFor(FollowedFace& track, YuvView picture, microseconds now) {
    const Stopwatch describing(times_.describing);
    auto look = Look(picture, track.mesh);
    if (!look) return look.Failure();
    if (!*look) return {};
    const float quality = (*look)->quality.overall;
    if (!identities_.Worthwhile(track.id, quality, now)) return {};
    if (auto done = Describe(**look); !done) return done;
    Remember(track, (*look)->descriptor, now);
    described_.emplace();
    described_->track = track.id;
    described_->face = track.shown;
    described_->face.descriptor = (*look)->descriptor;
    described_->face.quality = (*look)->quality;
    if (gallery_ == nullptr) {
      // Only for when to look again.
      identities_.Vote(track.id, "", 0, now);
      return {};
    }
    Face face;
    face.quality = (*look)->quality;
    face.descriptor = std::move((*look)->descriptor);
    const auto who = gallery_->Identify({std::move(face)}, Digest(),
                                        options_.identification);
    // Another process holds the people for a while: this look does not count.
    if (!who && who.error().code == ErrorCode::kUnavailable) return {};
    if (!who) return who.Failure();
    const auto& identity = who->front();
    identities_.Vote(track.id, identity ? identity->name : "",
                     identity ? identity->similarity : 0, now);
    return {};
  }

  void Remember(FollowedFace& track, std::span<const float> descriptor,
                microseconds now) {
    // Somebody of before who could not be told when found.
    if (track.descriptor.empty()) {
      if (auto known = awaited_.Take(descriptor)) {
        identities_.End(track.id);
        track.id = known->id;
        identities_.Restore(track.id, known->votes, now);
        track.descriptor = std::move(known->descriptor);
      }
    }
    // Else somebody took the other's place.
    constexpr float kMaybeTheSame = .2f;
    if (CosineSimilarity(track.descriptor, descriptor) < kMaybeTheSame) {
      track.descriptor.assign(descriptor.size(), 0);
    }
    float square = 0;
    for (std::size_t i = 0; i < descriptor.size(); ++i) {
      track.descriptor[i] += descriptor[i];
      square += track.descriptor[i] * track.descriptor[i];
    }
    if (!(square > 0)) return track.descriptor.clear();
    for (float& value : track.descriptor) value /= std::sqrt(square);
  }

  template <typename Condition>
  void EndIf(Condition ends) {
    std::erase_if(tracks_, [&](const auto& track) {
      if (!ends(track)) return false;
      identities_.End(track.id);
      return true;
    });
  }

  void EndAll() {
    EndIf([](const auto&) { return true; });
  }

  void EndLost(microseconds now) {
    // What only searches see has to last from one to the next.
    const microseconds by_box = std::max<microseconds>(
        options_.keep_lost, options_.detect_every * 3 / 2);
    EndIf([&](const auto& track) {
      const microseconds patience =
          track.mesh.empty() ? by_box : microseconds(options_.keep_lost);
      return now - track.last_seen > patience;
    });
  }

  void SetVerdict(TrackedFace& face) const {
    if (gallery_ == nullptr) return;
    TrackVerdict verdict = identities_.VerdictOf(face.track);
    face.name = std::move(verdict.name);
    face.similarity = verdict.similarity;
    face.decided = verdict.decided;
  }

  std::vector<TrackedFace> Faces(microseconds now) const {
    std::vector<TrackedFace> faces;
    faces.reserve(tracks_.size());
    for (const auto& track : tracks_) {
      TrackedFace& face = faces.emplace_back();
      face.track = track.id;
      face.face = track.shown;
      face.unseen_for = now - track.last_seen;
      SetVerdict(face);
    }
    std::sort(faces.begin(), faces.end(),
              [](const TrackedFace& a, const TrackedFace& b) {
                return a.track < b.track;
              });
    return faces;
  }

  const FaceModels models_;
  const int mesh_side_;
  const std::string describer_;  // Its fingerprint in hex; empty: none.
  const Gallery* const gallery_;
  const FaceTrackerOptions options_;

  std::vector<FollowedFace> tracks_;
  AwaitedFaces awaited_;  // None of them is in tracks_.
  std::int64_t next_id_ = 1;
  TrackIdentities identities_;
  std::size_t turn_ = 0;
  SceneCut scene_;
  int width_ = 0, height_ = 0;
  microseconds last_time_{};
  microseconds next_search_{};
  microseconds next_analysis_{};
  int quick_searches_ = 0;                // Since the last thorough one.
  std::optional<TrackedFace> described_;  // In the last frame.
  FaceTrackerTimes times_;
};

}  // namespace

Result<std::unique_ptr<FaceTracker>> FaceTracker::Open(
    const ModelStore& models, const Gallery* gallery,
    const FaceTrackerOptions& options) {
  if (options.max_faces < 1) {
    return Fail(ErrorCode::kInvalidArgument,
                "at least 1 face can be tracked, not " +
                    std::to_string(options.max_faces));
  }
  if (options.detect_every.count() < 0 || options.keep_lost.count() < 0 ||
      options.analyze_every.count() < 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "times of tracking cannot be negative");
  }
  FaceTrackerOptions used = options;
  std::string& describer = used.faces.describer;
  if (!options.identify || gallery == nullptr) {
    const auto card = models.Find(describer);
    if (!options.describe || !card || !models.IsInstalled(*card)) {
      describer.clear();
    }
    gallery = nullptr;
  }
  const auto cards = FindFaceCards(models, used.faces);
  if (!cards) return cards.Failure();
  auto opened = OpenFaceModels(models, *cards, used.faces);
  if (!opened) return opened.Failure();
  const int mesh_side = cards->mesh ? cards->mesh->input.width : 1;
  return std::make_unique<Tracker>(
      std::move(*opened), std::max(1, mesh_side),
      cards->describer ? cards->describer->Fingerprint().ToHex() : "", gallery,
      used);
}

}  // namespace ocelli
