#include "cli/engine.h"

#include <CLI/CLI.hpp>

#include "cli/redis_flags.h"
#include "core/log.h"

namespace ocelli {
namespace {

// Of results from Redis, in this process.
constexpr std::int64_t kCacheMemoryBytes = 64 << 20;

}  // namespace

void AddFaceFlags(CLI::App& app, FaceFlags& flags) {
  auto& faces = flags.faces;
  const std::string group = "Faces";
  app.add_option("--detector", faces.detector,
                 "Model that finds faces: ocelli models list")
      ->capture_default_str()
      ->group(group);
  app.add_option("--mesh-model", faces.mesh, "Model of the 478 face points")
      ->capture_default_str()
      ->group(group);
  app.add_option("--describer", faces.describer,
                 "Model that tells people apart")
      ->capture_default_str()
      ->group(group);
  app.add_option("--mesh-passes", faces.mesh_passes,
                 "2 looks at each face again, straightened")
      ->check(CLI::Range(1, 2))
      ->capture_default_str()
      ->group(group);
  app.add_option("--min-face", faces.min_face,
                 "Smallest face wanted, pixels; smaller takes longer")
      ->check(CLI::Range(0, 10000))
      ->group(group);
  app.add_option("--min-score", faces.min_score,
                 "Least score of a face, 0 to 1; 0: the detector's own")
      ->check(CLI::Range(0.0, 1.0))
      ->group(group);
  app.add_option("--provider", faces.provider, "cpu, cuda or tensorrt")
      ->capture_default_str()
      ->group(group);
  app.add_option("--threshold", flags.identify.threshold,
                 "Least cosine between two pictures of one person")
      ->check(CLI::Range(-1.0, 1.0))
      ->capture_default_str()
      ->group(group);
  app.add_flag("--no-cache", flags.no_cache,
               "Recognise anew and keep no result")
      ->group(group);
  AddCacheFlag(app, flags.cache);
  app.add_option("-j,--jobs", flags.jobs,
                 "Pictures at a time; 0: one a processor")
      ->check(CLI::Range(0, 256))
      ->group(group);
}

void AddCacheFlag(CLI::App& app, std::string& cache) {
  app.add_option("--cache", cache,
                 "Where results are kept: a file, or for several machines " +
                     std::string(kRedisAddressHelp))
      ->type_name("URL|FILE");
}

Result<std::string> CacheAddress(const CommandContext& context,
                                 const std::string& flag) {
  if (!flag.empty()) return flag;
  return context.config.GetString("cache.url", "");
}

Result<CacheOptions> CacheOptionsFrom(const Config& config) {
  CacheOptions options;
  const auto max_bytes = config.GetInt(
      "cache.max_bytes", static_cast<std::int64_t>(options.max_bytes));
  if (!max_bytes) return max_bytes.Failure();
  const auto ttl = config.GetInt("cache.ttl", options.ttl.count());
  if (!ttl) return ttl.Failure();
  if (*max_bytes < 0 || *ttl < 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "cache.max_bytes and cache.ttl can't be negative");
  }
  options.max_bytes = static_cast<std::uint64_t>(*max_bytes);
  options.ttl = std::chrono::seconds(*ttl);
  return options;
}

namespace {

// Waiting for a cache longer than this costs more than it saves.
Result<std::unique_ptr<RedisClient>> OpenCacheRedis(
    const CommandContext& context, const std::string& address) {
  RedisOptions options;
  options.connect_timeout = std::chrono::seconds(1);
  options.answer_timeout = std::chrono::seconds(2);
  auto redis = OpenRedis(context, address, options);
  if (!redis) return redis.Failure("the result cache");
  return redis;
}

Result<> CheckCacheAddress(const std::string& address) {
  if (IsRedisUrl(address) || address.find("://") == address.npos) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "no place for results: " + address.substr(0, address.find(':')) +
                  "://...; wanted is a file or " + kRedisAddressHelp);
}

}  // namespace

Result<std::unique_ptr<ResultCache>> OpenResultCache(
    const CommandContext& context, const std::filesystem::path& file,
    const std::string& address) {
  const auto options = CacheOptionsFrom(context.config);
  if (!options) return options.Failure();
  if (auto meant = CheckCacheAddress(address); !meant) return meant.Failure();
  if (!IsRedisUrl(address)) {
    return OpenSqliteCache(
        address.empty() ? file : std::filesystem::path(address), *options);
  }
  auto redis = OpenCacheRedis(context, address);
  if (!redis) return redis.Failure();
  return MakeRedisCache(std::move(*redis), *options);
}

Result<std::unique_ptr<ResultCache>> OpenResults(
    const CommandContext& context, const std::filesystem::path& file,
    const std::string& address) {
  if (IsRedisUrl(address)) {
    const auto options = CacheOptionsFrom(context.config);
    if (!options) return options.Failure();
    const auto memory =
        context.config.GetInt("cache.memory_bytes", kCacheMemoryBytes);
    if (!memory) return memory.Failure();
    if (*memory < 0) {
      return Fail(ErrorCode::kInvalidArgument,
                  "cache.memory_bytes can't be negative");
    }
    auto redis = OpenCacheRedis(context, address);
    if (!redis) return redis.Failure();
    return MakeRedisCacheWithMemory(std::move(*redis), *options,
                                    static_cast<std::uint64_t>(*memory));
  }
  auto cache = OpenResultCache(context, file, address);
  if (cache || cache.error().code == ErrorCode::kInvalidArgument) return cache;
  Log(LogLevel::kWarning, "going on without the result cache",
      {{"reason", cache.error().message}});
  return nullptr;
}

Engine::Engine(const CommandContext& context, EnginePlaces places,
               FaceFlags flags)
    : context_(context),
      places_(std::move(places)),
      flags_(std::move(flags)),
      models_(places_.models) {}

Result<std::unique_ptr<Engine>> Engine::Open(const CommandContext& context,
                                             const FaceFlags& flags) {
  const Paths& paths = context.paths;
  auto address = CacheAddress(context, flags.cache);
  if (!address) return address.Failure();
  auto gallery = ResolveGallery(context, flags.gallery);
  if (!gallery) return gallery.Failure();
  FaceFlags resolved = flags;
  resolved.cache = *std::move(address);
  resolved.gallery = *std::move(gallery);
  return Open(context, {paths.models(), paths.results(), paths.gallery()},
              resolved);
}

Result<std::unique_ptr<Engine>> Engine::Open(const CommandContext& context,
                                             const EnginePlaces& places,
                                             const FaceFlags& flags) {
  std::unique_ptr<Engine> engine(new Engine(context, places, flags));
  if (!flags.no_cache) {
    auto cache = OpenResults(context, places.results, flags.cache);
    if (!cache) return cache.Failure();
    engine->cache_ = std::move(*cache);
  }
  auto recognizer = Recognizer::Open(engine->models_, engine->cache_.get(),
                                     {.faces = flags.faces, .limits = {}});
  if (!recognizer) return recognizer.Failure();
  engine->recognizer_ = std::move(*recognizer);
  return engine;
}

bool Engine::far_results() const {
  return !flags_.no_cache && IsRedisUrl(flags_.cache);
}

Result<Gallery*> Engine::gallery(GalleryUse use) {
  if (!gallery_) {
    auto opened = OpenGallery(context_, flags_.gallery, places_.people, models_,
                              flags_.faces.describer, use);
    if (!opened) return opened.Failure();
    gallery_ = std::move(*opened);
  }
  return gallery_.get();
}

}  // namespace ocelli
