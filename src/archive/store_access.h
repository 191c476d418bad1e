#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/ordered_parallel.h"
#include "core/result.h"
#include "core/sleep.h"
#include "store/object_store.h"

namespace ocelli {

// Calls `call` again after growing waits while its error may pass.
template <typename Call>
auto TryAgain(const std::stop_token& stop, Call call) -> decltype(call()) {
  using std::chrono::milliseconds;
  constexpr milliseconds kWaits[] = {milliseconds(100), milliseconds(400),
                                     milliseconds(1500), milliseconds(5000)};
  for (const milliseconds wait : kWaits) {
    auto result = call();
    if (result || stop.stop_requested()) return result;
    // Not MayTryAgain(): what is too long stays so.
    const ErrorCode code = result.error().code;
    if (code != ErrorCode::kUnavailable &&
        code != ErrorCode::kDeadlineExceeded) {
      return result;
    }
    SleepFor(wait, stop);
  }
  return call();
}

// ObjectStore::List() with TryAgain(): each object once.
Result<> ListAll(ObjectStore& store, const std::string& prefix,
                 const std::function<Result<>(const ObjectInfo&)>& each,
                 const std::stop_token& stop);

// A small text. kNotFound; kDataLoss beyond `max_bytes`.
Result<std::string> GetText(ObjectStore& store, const std::string& key,
                            std::uint64_t max_bytes,
                            const std::stop_token& stop);

// The texts of segments in their order, several fetched ahead, until `each`
// fails.
Result<> ReadSegments(
    ObjectStore& store, std::span<const std::uint64_t> first_seqs,
    const std::function<Result<>(std::uint64_t first_seq,
                                 const Result<std::string>& text)>& each,
    const std::stop_token& stop);

// Calls `each` with every line of a segment's text, without '\n', and its
// number from 1, until it fails. What a last line without '\n' is cut off from
// is told by `whole`.
Result<> ForEachLine(
    std::string_view text,
    const std::function<Result<>(std::size_t number, std::string_view line,
                                 bool whole)>& each);

// "manifest/000000000042.jsonl, line 3".
std::string LineName(std::uint64_t first_seq, std::size_t number);

// The seq of a key that FrameKey() made.
std::optional<std::uint64_t> SeqOfFrameKey(std::string_view key);

}  // namespace ocelli
