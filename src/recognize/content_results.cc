#include "recognize/content_results.h"

#include <utility>

#include "core/log.h"

namespace ocelli {

ContentResults::ContentResults(ResultCache* cache)
    : cache_(cache), flight_(cache) {}

Result<bool> ContentResults::Get(
    const ResultKey& key, const std::function<Result<std::string>()>& compute,
    const std::function<Result<>(std::string_view)>& parse) {
  const auto answer = flight_.GetOrCompute(key, compute);
  if (!answer) return answer.Failure();
  const auto parsed = parse(answer->value);
  if (parsed) return answer->cached;
  if (!answer->cached) return parsed.Failure();
  Log(LogLevel::kWarning, "cached result is damaged, computing it anew",
      {{"digest", key.image.ToHex()}});
  auto fresh = compute();
  if (!fresh) return fresh.Failure();
  const auto again = parse(*fresh);
  if (!again) return again.Failure();
  const auto kept = cache_ ? cache_->Put(key, std::move(*fresh)) : Result<>();
  if (!kept) {
    Log(LogLevel::kWarning, "result not kept",
        {{"reason", kept.error().message}});
  }
  return false;
}

}  // namespace ocelli
