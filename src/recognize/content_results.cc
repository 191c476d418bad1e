#include "recognize/content_results.h"

#include <utility>

#include "core/log.h"

namespace ocelli {

ContentResults::ContentResults(ResultCache* cache)
    : cache_(cache), flight_(cache, cache ? cache->leases() : nullptr) {}

Result<bool> ContentResults::Get(const ResultKey& key, const Compute& compute,
                                 const Parse& parse) {
  return Read(key, flight_.GetOrCompute(key, compute), compute, parse);
}

std::vector<Result<bool>> ContentResults::GetMany(
    std::span<const ResultKey> keys,
    const std::function<Result<std::string>(std::size_t)>& compute,
    const std::function<Result<>(std::size_t, std::string_view)>& parse) {
  auto found = flight_.LookUp(keys);
  std::vector<Result<bool>> cached;
  cached.reserve(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Compute compute_one = [&, i] { return compute(i); };
    const Parse parse_one = [&, i](std::string_view bytes) {
      return parse(i, bytes);
    };
    const auto answer = found[i]
                            ? SingleFlight::Answer{*std::move(found[i]), true}
                            : flight_.ComputeMissing(keys[i], compute_one);
    cached.push_back(Read(keys[i], answer, compute_one, parse_one));
  }
  return cached;
}

// The answer parsed; anew where the cache had nonsense.
Result<bool> ContentResults::Read(const ResultKey& key,
                                  const Result<SingleFlight::Answer>& answer,
                                  const Compute& compute, const Parse& parse) {
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
