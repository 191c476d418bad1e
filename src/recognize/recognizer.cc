#include "recognize/recognizer.h"

#include "core/log.h"

namespace ocelli {

Recognizer::Recognizer(const ModelStore& models, ResultCache* cache,
                       const RecognizerOptions& options,
                       const Digest& fingerprint)
    : models_(models),
      cache_(cache),
      options_(options),
      fingerprint_(fingerprint),
      flight_(cache) {}

Result<std::unique_ptr<Recognizer>> Recognizer::Open(
    const ModelStore& models, ResultCache* cache,
    const RecognizerOptions& options) {
  const auto fingerprint = FaceFingerprint(models, options.faces);
  if (!fingerprint) return fingerprint.Failure();
  return std::unique_ptr<Recognizer>(
      new Recognizer(models, cache, options, *fingerprint));
}

Result<Recognition> Recognizer::Recognize(std::span<const std::byte> encoded) {
  const Digest digest = Sha256(encoded);
  const ResultKey key{digest, fingerprint_};
  const auto compute = [&] { return Compute(digest, encoded); };
  const auto answer = flight_.GetOrCompute(key, compute);
  if (!answer) return answer.Failure();
  auto analysis = ParseAnalysis(answer->value);
  bool cached = answer->cached;
  if (cached && (!analysis || analysis->digest != digest)) {
    Log(LogLevel::kWarning, "cached result is damaged, computing it anew",
        {{"digest", digest.ToHex()}});
    auto fresh = compute();
    if (!fresh) return fresh.Failure();
    analysis = ParseAnalysis(*fresh);
    cached = false;
    const auto kept = cache_->Put(key, std::move(*fresh));
    if (!kept) {
      Log(LogLevel::kWarning, "result not kept",
          {{"reason", kept.error().message}});
    }
  }
  if (!analysis) return analysis.Failure();
  return Recognition{std::move(*analysis), cached};
}

Result<const FaceAnalyzer*> Recognizer::Analyzer() {
  const std::lock_guard lock(mutex_);
  if (!analyzer_) {
    auto opened = FaceAnalyzer::Open(models_, options_.faces);
    if (!opened) return opened.Failure();
    analyzer_ = std::move(*opened);
  }
  return analyzer_.get();
}

Result<std::string> Recognizer::Compute(const Digest& digest,
                                        std::span<const std::byte> encoded) {
  const auto image = DecodeImage(encoded, options_.limits);
  if (!image) return image.Failure();
  const auto analyzer = Analyzer();
  if (!analyzer) return analyzer.Failure();
  auto faces = (*analyzer)->Analyze(*image);
  if (!faces) return faces.Failure();
  return SerializeAnalysis(
      {digest, image->width(), image->height(), std::move(*faces)});
}

}  // namespace ocelli
