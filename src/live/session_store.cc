#include "live/session_store.h"

#include <algorithm>

#include "core/sleep.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;

std::string AgeText(milliseconds age) {
  const std::int64_t seconds = std::max<std::int64_t>(0, age.count() / 1000);
  if (seconds >= 2 * 24 * 3600) {
    return std::to_string(seconds / (24 * 3600)) + " days";
  }
  if (seconds >= 2 * 3600) return std::to_string(seconds / 3600) + " hours";
  if (seconds >= 120) return std::to_string(seconds / 60) + " min";
  return std::to_string(seconds) + " s";
}

}  // namespace

Result<> CheckSessionName(std::string_view name) {
  constexpr std::size_t kMost = 100;
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  if (name.empty() || name.size() > kMost ||
      name.find_first_not_of(kAllowed) != name.npos) {
    return Fail(ErrorCode::kInvalidArgument,
                "a session's name is 1 to 100 letters, digits, '.', '_' or "
                "'-', such as mall-12");
  }
  return {};
}

std::string OwnerText(std::string_view owner, milliseconds taken) {
  constexpr std::size_t kMost = 200;
  std::string text(owner.substr(0, kMost));
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return (text.empty() ? "somebody" : text) + ", for " + AgeText(taken);
}

Result<std::unique_ptr<OwnedSession>> AwaitSession(
    SessionStore& store, const std::string& name,
    const TakeSessionOptions& options, const std::stop_token& stop) {
  constexpr milliseconds kEvery{50};
  std::optional<milliseconds> remaining;
  while (true) {
    auto taken = store.Take(name, options);
    if (taken || taken.error().code != ErrorCode::kAlreadyExists) return taken;
    const auto held = store.Summary(name);
    if (held) {
      // It would be less by now.
      if (remaining && held->remaining >= *remaining &&
          held->remaining > milliseconds(0)) {
        return taken;
      }
      remaining = held->remaining;
    } else if (held.error().code != ErrorCode::kNotFound) {
      return held.Failure();
    }
    if (!SleepFor(kEvery, stop)) {
      return Fail(ErrorCode::kCancelled, "waiting for session " + name);
    }
  }
}

}  // namespace ocelli
