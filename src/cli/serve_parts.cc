#include "cli/serve_parts.h"

#include <malloc.h>

#include <algorithm>
#include <utility>

#include "cli/archive_setup.h"
#include "cli/engine.h"
#include "cli/gallery_flags.h"
#include "cli/live_session_flags.h"
#include "cli/live_setup.h"
#include "cli/open_collection.h"
#include "cli/redis_flags.h"
#include "core/log.h"
#include "core/yuv_image.h"
#include "recognize/face_picture.h"

namespace ocelli {
namespace {

int ImagesAtATime(int wanted) {
  const int processors = static_cast<int>(std::thread::hardware_concurrency());
  return wanted > 0 ? wanted : std::max(2 * processors, 2);
}

ReferencedImagesOptions ReferencesOf(const CommandContext& context,
                                     const ServeSettings& settings) {
  ReferencedImagesOptions options;
  options.allow_private = settings.allow_private;
  options.max_bytes = settings.max_image_bytes;
  options.stop = context.stop;
  return options;
}

ImageLimits LimitsOf(const ServeSettings& settings) {
  ImageLimits limits;
  limits.max_bytes = settings.max_image_bytes;
  limits.max_pixels = settings.max_image_pixels;
  return limits;
}

Result<std::unique_ptr<ObjectStore>> StoreOf(const Task& task) {
  const auto arguments = StoreArgumentsOf(task.settings.arguments);
  if (!arguments) return arguments.Failure();
  return OpenStore(task.settings.root, arguments->store);
}

// A face of a camera, described, unless it is somebody's.
void RememberUnknown(const std::string& video, const Frame& frame,
                     const Face& face, const Gallery& gallery,
                     UnknownPeople& unknown) {
  constexpr float kGoodQuality = 0.3f;
  if (face.quality.overall < kGoodQuality) return;
  const auto known = gallery.Identify({face}, Digest(), {});
  if (!known || known->front()) return;
  auto picture = MakeFacePicture(ToRgb(frame.pixels.view()).view(), face.box);
  if (!picture) return;
  SeenFace seen;
  seen.descriptor = face.descriptor;
  seen.quality = face.quality;
  seen.image = Sha256(*picture);
  seen.picture = *std::move(picture);
  seen.source = video;
  seen.box = face.box;
  unknown.Saw(std::move(seen));
}

}  // namespace

ServeParts::ServeParts(const CommandContext& context,
                       const ServeSettings& settings)
    : context_(context),
      models_(context.paths.models()),
      archives_(context.paths.archives()),
      images_(ImagesAtATime(settings.images_at_a_time)),
      references_(ReferencesOf(context, settings)),
      archive_context_(context),
      uploads_(0, SystemClock()) {
  archive_context_.stop = stop_archives_.get_token();
}

ServeParts::~ServeParts() { StopCameras(); }

Result<std::unique_ptr<ServeParts>> ServeParts::Open(
    const CommandContext& context, const ServeSettings& settings,
    AccessStore& access) {
  std::unique_ptr<ServeParts> parts(new ServeParts(context, settings));
  if (auto opened = parts->OpenState(settings); !opened) {
    return opened.Failure();
  }
  LiveBoardOptions live;
  live.effect_context = FileEffectContext();
  if (settings.remember_unknown) {
    live.on_described = [&gallery = *parts->gallery_,
                         &unknown = parts->unknown_](const std::string& video,
                                                     const Frame& frame,
                                                     const TrackedFace& face) {
      RememberUnknown(video, frame, face.face, gallery, unknown);
    };
  }
  parts->live_ = LiveBoard::Make(parts->models_, parts->gallery_.get(),
                                 parts->metrics_, live);
  ServiceParts service{
      .models = parts->models_,
      .cache = parts->cache_.get(),
      .recognizer = *parts->recognizer_,
      .gallery = *parts->gallery_,
      .identify = {},
      .access = access,
      .live = *parts->live_,
      .sessions = *parts->sessions_,
      .archives = parts->archives_,
      .open_store = [](const Task& task) { return StoreOf(task); },
      .collections = context.paths.collections(),
      .collection_options = CollectionOptionsOf(context),
      .references = parts->references_,
      .images = parts->images_,
      .metrics = parts->metrics_,
      .limits = LimitsOf(settings),
      .unknown = &parts->unknown_,
      .remember_unknown = settings.remember_unknown,
      .version = OCELLI_VERSION};
  auto opened = Service::Open(service);
  if (!opened) return opened.Failure();
  parts->service_ = *std::move(opened);
  return parts;
}

Result<> ServeParts::OpenState(const ServeSettings& settings) {
  const Paths& paths = context_.paths;
  const auto cache = CacheAddress(context_, "");
  if (!cache) return cache.Failure();
  auto results = OpenResults(context_, paths.results(), *cache);
  if (!results) return results.Failure();
  cache_ = *std::move(results);

  RecognizerOptions options;
  options.limits = LimitsOf(settings);
  options.images = &images_;
  auto recognizer = Recognizer::Open(models_, cache_.get(), options);
  if (!recognizer) return recognizer.Failure();
  recognizer_ = *std::move(recognizer);

  const auto resolved = ResolveGallery(context_, {});
  if (!resolved) return resolved.Failure();
  auto gallery =
      OpenGallery(context_, *resolved, paths.gallery(), models_,
                  options.faces.describer, GalleryUse::kEdit, &metrics_);
  if (!gallery) return gallery.Failure();
  gallery_ = *std::move(gallery);

  const auto redis = context_.config.GetString("redis.url", "");
  if (!redis) return redis.Failure();
  if (redis->empty()) {
    sessions_ = MakeMemorySessionStore();
    return {};
  }
  auto client = OpenRedis(context_, *redis, {}, &metrics_);
  if (!client) return client.Failure("redis.url");
  redis_ = *std::move(client);
  sessions_ = MakeRedisSessionStore(*redis_);
  return {};
}

void ServeParts::StartCameras(const ServeSettings& settings) {
  const ArchiveCommon common{archive_context_, uploads_, metrics_, models_,
                             [](const std::string&) {}};
  for (const ServedCamera& camera : settings.cameras) {
    if (auto begun = live_->Start(camera.video); !begun) {
      Log(LogLevel::kError, "a camera can't be followed",
          {{"camera", camera.video.name}, {"reason", begun.error().message}});
    }
    if (camera.archive_to.empty()) continue;
    ArchiveWish wish;
    wish.camera = camera.video.name;
    wish.source = camera.video.source;
    wish.to = camera.archive_to;
    wish.arguments = camera.archive_options;
    wish.arguments.push_back("--task=" + camera.video.name);
    wish.resume = true;
    archive_jobs_.push_back(
        std::make_unique<ArchiveJob>(std::move(wish), common));
  }
  if (archive_jobs_.empty()) return;
  archive_watch_ =
      std::make_unique<ArchiveWatch>(archive_jobs_, uploads_, false);
  for (const auto& job : archive_jobs_) {
    archiving_.emplace_back([&job = *job] {
      const Result<> done = job.Run();
      if (!done && done.error().code != ErrorCode::kCancelled) {
        Log(LogLevel::kError, "an archive ended",
            {{"camera", job.wish().camera}, {"reason", done.error().message}});
      }
    });
  }
}

void ServeParts::StopCameras() {
  if (live_) live_->StopAll();
  stop_archives_.request_stop();
  archiving_.clear();
  archive_watch_.reset();
}

}  // namespace ocelli
