#include "recognize/recognition_work.h"

#include <utility>

namespace ocelli {
namespace {

std::vector<std::optional<std::string>> KnownAnalyses(
    std::span<const Digest> digests, const Digest& fingerprint,
    ResultCache& cache) {
  std::vector<ResultKey> keys;
  for (const Digest& digest : digests) keys.push_back({digest, fingerprint});
  std::vector<std::optional<std::string>> known(digests.size());
  auto found = cache.GetMany(keys);
  for (std::size_t i = 0; i < found.size(); ++i) {
    // What the cache has against it is said and done where it is computed.
    if (!found[i] || !*found[i]) continue;
    const auto analysis = ParseAnalysis(**found[i]);
    if (analysis && analysis->digest == digests[i]) known[i] = **found[i];
  }
  return known;
}

}  // namespace

JobWork RecognitionWork(Recognizer& recognizer, ResultCache* cache,
                        ReferencedImages& images) {
  JobWork work;
  if (cache) {
    work.known = [&recognizer, cache](std::span<const Digest> digests) {
      return KnownAnalyses(digests, recognizer.fingerprint(), *cache);
    };
  }
  work.fetch = [&images](const std::string& reference) {
    return images.Get(reference);
  };
  work.answer =
      [&recognizer](std::span<const std::byte> image) -> Result<JobAnswer> {
    auto recognition = recognizer.Recognize(image);
    if (!recognition) return recognition.Failure();
    return JobAnswer{SerializeAnalysis(recognition->analysis),
                     recognition->cached};
  };
  return work;
}

}  // namespace ocelli
