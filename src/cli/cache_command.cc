#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "cache/result_cache.h"
#include "cli/command.h"
#include "cli/engine.h"
#include "cli/json_output.h"

namespace ocelli {
namespace {

using Json = nlohmann::ordered_json;

std::string Results(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " result" : " results");
}

Result<std::unique_ptr<ResultCache>> Open(const CommandContext& context) {
  const auto options = CacheOptionsFrom(context.config);
  if (!options) return options.Failure();
  return OpenSqliteCache(context.paths.results(), *options);
}

void Stats(CommandContext& context) {
  const auto cache = Open(context);
  if (!cache) return context.Fail(cache.error());
  const auto stats = (*cache)->Stats();
  if (!stats) return context.Fail(stats.error());
  const std::string file = context.paths.results().string();
  Report(context,
         {{"file", file},
          {"entries", stats->entries},
          {"bytes", stats->bytes},
          {"max_bytes", stats->max_bytes},
          {"hits", stats->hits},
          {"misses", stats->misses}},
         file + ": " + Results(stats->entries) + ", " +
             Megabytes(stats->bytes) + " of at most " +
             Megabytes(stats->max_bytes) + "; " + std::to_string(stats->hits) +
             " hits, " + std::to_string(stats->misses) + " misses");
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

void Purge(CommandContext& context) {
  const auto cache = Open(context);
  if (!cache) return context.Fail(cache.error());
  const auto removed = (*cache)->Purge();
  if (!removed) return context.Fail(removed.error());
  const auto damaged = RemoveSetAside(context.paths.results());
  if (!damaged) return context.Fail(damaged.error());
  Report(context, {{"removed", *removed}, {"damaged_files", *damaged}},
         Results(*removed) + " removed");
}

}  // namespace

void AddCacheCommand(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand("cache", "What was recognised before");
  command->require_subcommand(1);
  command->footer(R"(Examples:
  ocelli cache stats                               how much there is
  ocelli cache purge                               recognise everything anew
  OCELLI_CACHE_MAX_BYTES=100000000 ocelli ...      keep at most 100 MB
  OCELLI_CACHE_TTL=86400 ocelli ...                keep nothing for longer than a day)");
  command->add_subcommand("stats", "How many results, how large")
      ->callback([&context] { Stats(context); });
  command->add_subcommand("purge", "Forget every result")->callback([&context] {
    Purge(context);
  });
}

}  // namespace ocelli
