#include "cli/embedding_engine.h"

#include <CLI/CLI.hpp>

#include "cli/engine.h"
#include "cli/progress.h"
#include "core/file.h"
#include "core/ordered_parallel.h"

namespace ocelli {

void AddEmbeddingFlags(CLI::App& app, EmbeddingFlags& flags) {
  const std::string group = "Embedding";
  app.add_option("--provider", flags.embedder.provider, "cpu, cuda or tensorrt")
      ->capture_default_str()
      ->group(group);
  app.add_flag("--no-cache", flags.no_cache, "Embed anew and keep no result")
      ->group(group);
  AddCacheFlag(app, flags.cache);
  app.add_option("-j,--jobs", flags.jobs,
                 "Pictures at a time; 0: one a processor")
      ->check(CLI::Range(0, 256))
      ->group(group);
}

EmbeddingEngine::EmbeddingEngine(const CommandContext& context,
                                 const EmbeddingFlags& flags)
    : flags_(flags), models_(context.paths.models()) {}

Result<std::unique_ptr<EmbeddingEngine>> EmbeddingEngine::Open(
    const CommandContext& context, const EmbeddingFlags& flags) {
  std::unique_ptr<EmbeddingEngine> engine(new EmbeddingEngine(context, flags));
  if (!flags.no_cache) {
    const auto address = CacheAddress(context, flags.cache);
    if (!address) return address.Failure();
    auto cache = OpenResults(context, context.paths.results(), *address);
    if (!cache) return cache.Failure();
    engine->cache_ = std::move(*cache);
  }
  engine->embedders_ =
      std::make_unique<Embedders>(engine->models_, engine->cache_.get(),
                                  EmbeddersOptions{.embedder = flags.embedder});
  return engine;
}

Result<ImageEmbedding> EmbedFile(EmbeddingRecognizer& recognizer,
                                 const std::filesystem::path& path) {
  const auto bytes = ReadFileLimited(path, ImageLimits{}.max_bytes);
  if (!bytes) return bytes.Failure();
  auto embedding = recognizer.Embed(*bytes);
  if (!embedding) return embedding.Failure(path.string());
  return embedding;
}

std::size_t EmbedFiles(
    EmbeddingRecognizer& recognizer,
    const std::vector<std::filesystem::path>& files,
    const EmbedFilesOptions& options,
    const std::function<void(std::size_t, Result<ImageEmbedding>)>& take) {
  const auto embed = [&](std::size_t i) -> Result<ImageEmbedding> {
    const auto bytes = ReadFileLimited(files[i], ImageLimits{}.max_bytes);
    if (!bytes) return bytes.Failure();
    const Digest digest = Sha256(*bytes);
    if (options.known && options.known(i, digest)) {
      return ImageEmbedding{.digest = digest, .vector = {}, .cached = true};
    }
    auto embedding = recognizer.Embed(*bytes, digest);
    if (!embedding) return embedding.Failure(files[i].string());
    return embedding;
  };
  const int jobs = JobCount(options.jobs, files.size());
  Progress progress(options.label, files.size(), "images");
  return OrderedParallel(
      files.size(), jobs, static_cast<std::size_t>(jobs) * 8, options.stop,
      embed, [&](std::size_t i, Result<ImageEmbedding> embedding) {
        if (!embedding) {
          progress.Say("ocelli: " + embedding.error().message);
        }
        take(i, std::move(embedding));
        progress.Advance();
      });
}

}  // namespace ocelli
