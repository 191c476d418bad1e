#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cache/result_cache.h"
#include "cli/command.h"
#include "index/collection.h"
#include "models/model_store.h"
#include "recognize/embedders.h"

namespace ocelli {

constexpr char kDefaultEmbedder[] = "efficientnet-lite0";

// How pictures are to be embedded, as flags of several commands.
struct EmbeddingFlags {
  EmbedderOptions embedder;
  bool no_cache = false;
  std::string cache;  // AddCacheFlag().
  int jobs = 0;       // Pictures at a time; 0: one a processor.
};

void AddEmbeddingFlags(CLI::App& app, EmbeddingFlags& flags);

// The models and the result cache of this user, for commands that embed.
class EmbeddingEngine {
 public:
  static Result<std::unique_ptr<EmbeddingEngine>> Open(
      const CommandContext& context, const EmbeddingFlags& flags);

  // recognize/embedders.h.
  Result<Embedders::Pictures> Recognizer(std::string_view embedder) const {
    return embedders_->OfPictures(embedder);
  }
  Result<Embedders::Pictures> RecognizerFor(
      const Collection& collection) const {
    return embedders_->OfPicturesIn(collection);
  }
  const ModelStore& models() const { return models_; }
  const EmbeddingFlags& flags() const { return flags_; }

 private:
  EmbeddingEngine(const CommandContext& context, const EmbeddingFlags& flags);

  const EmbeddingFlags flags_;
  const ModelStore models_;
  std::unique_ptr<ResultCache> cache_;
  std::unique_ptr<Embedders> embedders_;
};

// The vector of the picture at `path`.
Result<ImageEmbedding> EmbedFile(EmbeddingRecognizer& recognizer,
                                 const std::filesystem::path& path);

struct EmbedFilesOptions {
  std::string label = "embedding";  // Of the progress line.
  int jobs = 0;                     // Pictures at a time; 0: one a processor.
  std::stop_token stop;
  // Whether the vector of picture i is kept elsewhere, if that is its digest:
  // then it comes without one. Called on several threads.
  std::function<bool(std::size_t i, const Digest& digest)> known;
};

// Embeds files on several threads under a progress line; `take` gets each in
// order, on the calling thread, after errors were printed. How many were done:
// fewer when stopped.
std::size_t EmbedFiles(
    EmbeddingRecognizer& recognizer,
    const std::vector<std::filesystem::path>& files,
    const EmbedFilesOptions& options,
    const std::function<void(std::size_t, Result<ImageEmbedding>)>& take);

}  // namespace ocelli
