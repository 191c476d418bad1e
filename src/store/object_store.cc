#include "store/object_store.h"

#include <algorithm>
#include <future>
#include <utility>

namespace ocelli {

Result<> ObjectStore::Put(PutRequest request) {
  std::promise<PutOutcome> promise;
  std::future<PutOutcome> outcome = promise.get_future();
  StartPut(std::move(request),
           [&promise](PutOutcome done) { promise.set_value(std::move(done)); });
  return outcome.get().result;
}

Result<> CheckKey(std::string_view key) {
  constexpr std::size_t kMost = 900;
  const auto bad = [&](const std::string& why) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "object name " + std::string(key.substr(0, kMost)) + ": " + why);
  };
  if (key.empty()) return bad("it is empty");
  if (key.size() > kMost) return bad("it is longer than 900 bytes");
  if (std::any_of(key.begin(), key.end(), [](char c) {
        return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
      })) {
    return bad("it has control characters");
  }
  for (std::size_t from = 0; from <= key.size();) {
    const std::size_t to = std::min(key.find('/', from), key.size());
    const std::string_view part = key.substr(from, to - from);
    if (part.empty() || part == "." || part == "..") {
      return bad("a part of it is empty, \".\" or \"..\"");
    }
    from = to + 1;
  }
  return {};
}

bool MayTryAgain(const Error& error) {
  return error.code == ErrorCode::kUnavailable ||
         error.code == ErrorCode::kDeadlineExceeded ||
         error.code == ErrorCode::kResourceExhausted;
}

}  // namespace ocelli
