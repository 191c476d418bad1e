#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/result_cache.h"
#include "core/fair_slots.h"
#include "core/result.h"
#include "faces/face_analyzer.h"
#include "media/still_image.h"
#include "models/model_store.h"
#include "recognize/analysis.h"
#include "recognize/content_results.h"

namespace ocelli {

struct RecognizerOptions {
  FaceAnalyzerOptions faces;
  ImageLimits limits;
  // Of which each image takes one while it is decoded and analysed, a cached
  // answer none; null: no limit. Outlives the Recognizer. Who calls it holds
  // none: it may wait for another caller's computation, which waits for one.
  FairSlots* images = nullptr;
};

struct Recognition {
  Analysis analysis;
  bool cached = false;  // Nothing was computed for it.
};

// One image from its encoded bytes to its Analysis: digest, cache, and only
// where that has nothing decoding and models. Models are opened when the first
// image needs them. Thread-safe.
class Recognizer {
 public:
  // `models` and `cache` (null: none) outlive it. kNotFound names a model
  // that is not known.
  static Result<std::unique_ptr<Recognizer>> Open(
      const ModelStore& models, ResultCache* cache,
      const RecognizerOptions& options);

  // Checks that the models are installed and begins to open them; otherwise
  // the first image does.
  Result<> Prepare();
  // Opens them and runs each once, so that the first image waits for none.
  Result<> Warm();

  // kInvalidArgument: the image is none, damaged, or over a limit. kCancelled
  // where the thread's WorkScope is stopped before it is computed.
  Result<Recognition> Recognize(std::span<const std::byte> encoded);
  // Each in its place. All are looked up at once, which a cache far away
  // answers in one go; what it lacks is computed one after the other.
  std::vector<Result<Recognition>> RecognizeMany(
      std::span<const std::span<const std::byte>> encoded);

  // Of everything that changes a result.
  const Digest& fingerprint() const { return fingerprint_; }

 private:
  Recognizer(const ModelStore& models, ResultCache* cache,
             const RecognizerOptions& options, const Digest& fingerprint);

  // `recognition` from a result of the image that `digest` names.
  static Result<> Read(std::string_view bytes, const Digest& digest,
                       Recognition& recognition);
  Result<const FaceAnalyzer*> Analyzer();
  Result<std::string> Compute(const Digest& digest,
                              std::span<const std::byte> encoded);

  const ModelStore& models_;
  const RecognizerOptions options_;
  const Digest fingerprint_;
  ContentResults results_;
  std::mutex mutex_;
  std::unique_ptr<FaceAnalyzer> analyzer_;  // Guarded by mutex_ until made.
};

}  // namespace ocelli
