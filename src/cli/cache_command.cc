#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "cache/result_cache.h"
#include "cli/command.h"
#include "cli/engine.h"
#include "cli/json_output.h"
#include "redis/redis_url.h"

namespace ocelli {
namespace {

using Json = nlohmann::ordered_json;

std::string Results(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " result" : " results");
}

// Where the results are: the user's own file, or what --cache or cache.url
// says.
struct Place {
  std::filesystem::path file;  // Empty: a Redis.
  std::string name;            // For messages.
  std::unique_ptr<ResultCache> cache;
};

Result<Place> Open(const CommandContext& context, const std::string& flag) {
  const auto address = CacheAddress(context, flag);
  if (!address) return address.Failure();
  Place place;
  if (const auto url = ParseRedisUrl(*address); url) {
    place.name = url->ForMessage();
  } else {
    place.file = address->empty() ? context.paths.results()
                                  : std::filesystem::path(*address);
    place.name = place.file.string();
  }
  auto cache = OpenResultCache(context, place.file, *address);
  if (!cache) return cache.Failure();
  place.cache = std::move(*cache);
  return place;
}

void Stats(CommandContext& context, const std::string& flag) {
  const auto place = Open(context, flag);
  if (!place) return context.Fail(place.error());
  const auto stats = place->cache->Stats();
  if (!stats) return context.Fail(stats.error());
  std::string line = place->name + ": " + Results(stats->entries) + ", " +
                     Megabytes(stats->bytes);
  // A Redis may have none.
  if (stats->max_bytes > 0) {
    line += " of at most " + Megabytes(stats->max_bytes);
  }
  Report(context,
         {{place->file.empty() ? "redis" : "file", place->name},
          {"entries", stats->entries},
          {"bytes", stats->bytes},
          {"max_bytes", stats->max_bytes},
          {"hits", stats->hits},
          {"misses", stats->misses}},
         line + "; " + std::to_string(stats->hits) + " hits, " +
             std::to_string(stats->misses) + " misses");
}

// Databases that were found damaged hold results too.
Result<std::uint64_t> RemoveSetAside(const std::filesystem::path& file) {
  const std::string prefix = file.filename().string() + ".damaged-";
  std::uint64_t count = 0;
  std::error_code error;
  std::filesystem::directory_iterator entry(file.parent_path(), error), end;
  while (!error && entry != end) {
    const std::filesystem::path path = entry->path();
    entry.increment(error);
    if (!path.filename().string().starts_with(prefix)) continue;
    std::error_code failed;
    if (!std::filesystem::remove(path, failed)) {
      return Fail(ErrorCode::kPermissionDenied,
                  "removing " + path.string() + ": " + failed.message());
    }
    ++count;
  }
  return count;
}

void Purge(CommandContext& context, const std::string& flag) {
  const auto place = Open(context, flag);
  if (!place) return context.Fail(place.error());
  const auto removed = place->cache->Purge();
  if (!removed) return context.Fail(removed.error());
  Json report = {{"removed", *removed}};
  if (!place->file.empty()) {
    const auto damaged = RemoveSetAside(place->file);
    if (!damaged) return context.Fail(damaged.error());
    report["damaged_files"] = *damaged;
  }
  Report(context, report, Results(*removed) + " removed");
}

}  // namespace

void AddCacheCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand("cache", "What was recognised before");
  command->require_subcommand(1);
  command->footer(R"(Examples:
  ocelli cache stats                               how much there is
  ocelli cache purge                               recognise everything anew
  ocelli cache stats --cache redis://10.0.0.1      the same of a shared one
  OCELLI_CACHE_URL=redis://10.0.0.1 ocelli ...     share results between machines
  OCELLI_CACHE_MAX_BYTES=100000000 ocelli ...      keep at most 100 MB
  OCELLI_CACHE_TTL=86400 ocelli ...                keep nothing for longer than a day)");
  auto cache = std::make_shared<std::string>();
  const auto add = [&](const char* name, const char* help,
                       void (*run)(CommandContext&, const std::string&)) {
    CLI::App* verb = command->add_subcommand(name, help);
    AddCacheFlag(*verb, *cache);
    verb->callback([cache, run, &context] { run(context, *cache); });
  };
  add("stats", "How many results, how large", Stats);
  add("purge", "Forget every result", Purge);
}

}  // namespace ocelli
