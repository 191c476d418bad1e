#include "recognize/recognizer.h"

#include <string_view>
#include <utility>

namespace ocelli {

Recognizer::Recognizer(const ModelStore& models, ResultCache* cache,
                       const RecognizerOptions& options,
                       const Digest& fingerprint)
    : models_(models),
      options_(options),
      fingerprint_(fingerprint),
      results_(cache) {}

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
  Recognition recognition;
  const auto cached = results_.Get(
      {digest, fingerprint_}, [&] { return Compute(digest, encoded); },
      [&](std::string_view bytes) -> Result<> {
        auto analysis = ParseAnalysis(bytes);
        if (!analysis) return analysis.Failure();
        if (analysis->digest != digest) {
          return Fail(ErrorCode::kDataLoss, "the result of another image");
        }
        recognition.analysis = std::move(*analysis);
        return {};
      });
  if (!cached) return cached.Failure();
  recognition.cached = *cached;
  return recognition;
}

std::vector<Result<Recognition>> Recognizer::RecognizeMany(
    std::span<const std::span<const std::byte>> encoded) {
  std::vector<Result<Recognition>> recognitions;
  for (const auto& image : encoded) recognitions.push_back(Recognize(image));
  return recognitions;
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
