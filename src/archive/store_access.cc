#include "archive/store_access.h"

#include <algorithm>

#include "archive/manifest.h"

namespace ocelli {

Result<> ListAll(ObjectStore& store, const std::string& prefix,
                 const std::function<Result<>(const ObjectInfo&)>& each,
                 const std::stop_token& stop) {
  std::string last;  // Keys come sorted.
  Result<> failed;   // Of `each`: not to be tried again.
  auto listed = TryAgain(stop, [&] {
    return store.List(
        prefix,
        [&](const ObjectInfo& info) -> Result<> {
          if (!last.empty() && info.key <= last) return {};
          last = info.key;
          failed = each(info);
          // Whatever its code is, List() is not to be called again.
          if (!failed) return Fail(ErrorCode::kCancelled, "listing ended");
          return {};
        },
        stop);
  });
  if (!failed) return failed;
  return listed;
}

Result<std::string> GetText(ObjectStore& store, const std::string& key,
                            std::uint64_t max_bytes,
                            const std::stop_token& stop) {
  const auto bytes =
      TryAgain(stop, [&] { return store.Get(key, max_bytes, stop); });
  if (!bytes && bytes.error().code == ErrorCode::kResourceExhausted) {
    return Fail(ErrorCode::kDataLoss, bytes.error().message);
  }
  if (!bytes) return bytes.Failure();
  return std::string(reinterpret_cast<const char*>(bytes->data()),
                     bytes->size());
}

Result<> ReadSegments(
    ObjectStore& store, std::span<const std::uint64_t> first_seqs,
    const std::function<Result<>(std::uint64_t first_seq,
                                 const Result<std::string>& text)>& each,
    const std::stop_token& stop) {
  constexpr int kAtATime = 8;
  constexpr std::uint64_t kMaxSegmentBytes = 64 << 20;
  std::stop_source ended;
  const std::stop_callback stopped(stop, [&] { ended.request_stop(); });
  Result<> result;
  const std::size_t read = OrderedParallel(
      first_seqs.size(),
      static_cast<int>(std::clamp<std::size_t>(first_seqs.size(), 1, kAtATime)),
      kAtATime, ended.get_token(),
      [&](std::size_t i) {
        return GetText(store, ManifestKey(first_seqs[i]), kMaxSegmentBytes,
                       ended.get_token());
      },
      [&](std::size_t i, const Result<std::string>& text) {
        if (!result || ended.stop_requested()) return;
        result = each(first_seqs[i], text);
        if (!result) ended.request_stop();
      });
  if (result && (stop.stop_requested() || read < first_seqs.size())) {
    return Fail(ErrorCode::kCancelled, "reading the manifest: stopped");
  }
  return result;
}

Result<> ForEachLine(
    std::string_view text,
    const std::function<Result<>(std::size_t number, std::string_view line,
                                 bool whole)>& each) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const bool whole = end != text.npos;
    if (auto done = each(number, text.substr(0, end), whole); !done) {
      return done;
    }
    text.remove_prefix(whole ? end + 1 : text.size());
  }
  return {};
}

std::string LineName(std::uint64_t first_seq, std::size_t number) {
  return ManifestKey(first_seq) + ", line " + std::to_string(number);
}

std::optional<std::uint64_t> SeqOfFrameKey(std::string_view key) {
  constexpr std::string_view kShape = "0000/00/00/00/000000000000-xxxxxxxx.jpg";
  constexpr std::size_t kSeqBegins = 14, kSeqDigits = 12;
  if (key.size() != kShape.size()) return std::nullopt;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  for (std::size_t i = 0; i < key.size(); ++i) {
    const bool fits = kShape[i] == '0' ? is_digit(key[i])
                      : kShape[i] == 'x'
                          ? is_digit(key[i]) || (key[i] >= 'a' && key[i] <= 'f')
                          : key[i] == kShape[i];
    if (!fits) return std::nullopt;
  }
  std::uint64_t seq = 0;
  for (const char c : key.substr(kSeqBegins, kSeqDigits)) {
    seq = seq * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return seq;
}

}  // namespace ocelli
