#include "recognize/recognizer.h"

#include <string_view>
#include <utility>

#include "recognize/small_picture.h"

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
      [&](std::string_view bytes) { return Read(bytes, digest, recognition); });
  if (!cached) return cached.Failure();
  recognition.cached = *cached;
  return recognition;
}

std::vector<Result<Recognition>> Recognizer::RecognizeMany(
    std::span<const std::span<const std::byte>> encoded) {
  std::vector<ResultKey> keys;
  keys.reserve(encoded.size());
  for (const auto& image : encoded) {
    keys.push_back({Sha256(image), fingerprint_});
  }
  std::vector<Recognition> recognitions(encoded.size());
  const auto cached = results_.GetMany(
      keys, [&](std::size_t i) { return Compute(keys[i].image, encoded[i]); },
      [&](std::size_t i, std::string_view bytes) {
        return Read(bytes, keys[i].image, recognitions[i]);
      });
  std::vector<Result<Recognition>> outcomes;
  outcomes.reserve(encoded.size());
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    recognitions[i].cached = cached[i].value_or(false);
    outcomes.push_back(cached[i]
                           ? Result<Recognition>(std::move(recognitions[i]))
                           : cached[i].Failure());
  }
  return outcomes;
}

Result<> Recognizer::Read(std::string_view bytes, const Digest& digest,
                          Recognition& recognition) {
  auto analysis = ParseAnalysis(bytes);
  if (!analysis) return analysis.Failure();
  if (analysis->digest != digest) {
    return Fail(ErrorCode::kDataLoss, "the result of another image");
  }
  recognition.analysis = std::move(*analysis);
  return {};
}

Result<> Recognizer::Prepare() {
  const auto analyzer = Analyzer();
  if (!analyzer) return analyzer.Failure();
  return {};
}

Result<> Recognizer::Warm() {
  const auto analyzer = Analyzer();
  if (!analyzer) return analyzer.Failure();
  return (*analyzer)->Warm();
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
  const auto slot = TakeSlot(options_.images);
  if (!slot) return slot.Failure("analysing an image");
  const auto image = DecodeSentImage(encoded, options_.limits);
  if (!image) return image.Failure();
  const auto analyzer = Analyzer();
  if (!analyzer) return analyzer.Failure();
  auto faces = (*analyzer)->Analyze(*image);
  if (!faces) return faces.Failure();
  return SerializeAnalysis(
      {digest, image->width(), image->height(), std::move(*faces)});
}

}  // namespace ocelli
