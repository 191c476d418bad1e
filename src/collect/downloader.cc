#include "collect/downloader.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <utility>

#include "core/sleep.h"
#include "core/work_scope.h"
#include "net/http_date.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Beyond them, those that nothing is wanted from are forgotten.
constexpr std::size_t kManyHosts = 1000;

double RandomShare() {
  thread_local std::minstd_rand random(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(random);
}

}  // namespace

struct Downloader::State {
  explicit State(DownloadOptions wanted) : options(std::move(wanted)) {
    if (!options.wait) options.wait = SleepFor;
    if (!options.random) options.random = RandomShare;
  }

  // False when stopped. When it returns true, Leave() must follow.
  bool Enter(const std::string& host, const std::stop_token& stop);
  void Leave(const std::string& host);
  // Nothing more is asked of the host before then.
  void HoldOff(const std::string& host, milliseconds time);
  Result<Downloaded> GetOnce(const Url& url, std::uint64_t max_bytes,
                             const std::stop_token& stop,
                             milliseconds& retry_after);
  Result<Downloaded> GetWithRetries(const Url& url, std::uint64_t max_bytes,
                                    const std::stop_token& stop);

  struct Host {
    int active = 0;
    int waiting = 0;
    steady_clock::time_point next{};  // When the next request may begin.
  };

  DownloadOptions options;
  std::mutex mutex;
  std::condition_variable_any left;
  // Guarded by mutex.
  std::map<std::string, Host> hosts;
  std::vector<HttpClient> idle;
};

bool Downloader::State::Enter(const std::string& host,
                              const std::stop_token& stop) {
  milliseconds pause{0};
  {
    std::unique_lock lock(mutex);
    Host& entered = hosts[host];
    ++entered.waiting;
    const bool mine = left.wait(
        lock, stop, [&] { return entered.active < options.per_host; });
    --entered.waiting;
    if (!mine) return false;
    const auto now = options.clock->MonotonicTime();
    const auto begin = std::max(now, entered.next);
    entered.next = begin + options.host_delay;
    ++entered.active;
    pause = std::chrono::ceil<milliseconds>(begin - now);
  }
  if (pause.count() > 0) options.wait(pause, stop);
  if (!stop.stop_requested()) return true;
  Leave(host);
  return false;
}

void Downloader::State::Leave(const std::string& host) {
  const std::lock_guard lock(mutex);
  --hosts[host].active;
  if (hosts.size() > kManyHosts) {
    const auto now = options.clock->MonotonicTime();
    std::erase_if(hosts, [&](const auto& known) {
      const Host& one = known.second;
      return one.active == 0 && one.waiting == 0 && one.next <= now;
    });
  }
  left.notify_all();
}

void Downloader::State::HoldOff(const std::string& host, milliseconds time) {
  const std::lock_guard lock(mutex);
  Host& held = hosts[host];
  held.next = std::max(held.next, options.clock->MonotonicTime() + time);
}

Result<Downloaded> Downloader::State::GetOnce(const Url& url,
                                              std::uint64_t max_bytes,
                                              const std::stop_token& stop,
                                              milliseconds& retry_after) {
  HttpOptions request;
  request.check = nullptr;  // Pages are full of http.
  request.public_only = !options.allow_private;
  request.connect_timeout = options.connect_timeout;
  request.stall_timeout = options.stall_timeout;
  request.max_body_bytes = max_bytes;
  request.stop = stop;
  const auto deadline = options.clock->MonotonicTime() + options.max_time;
  Downloaded got;
  HttpSink sink;
  sink.head = [&](const HttpGetReply& response) {
    retry_after = ParseRetryAfter(response.Header("retry-after"),
                                  options.clock->WallTime());
    got.url = response.url;
    got.content_type = response.Header("content-type");
    return CheckStatus(response.status);
  };
  sink.body = [&](std::span<const std::byte> bytes) -> Result<> {
    if (options.clock->MonotonicTime() > deadline) {
      return Fail(ErrorCode::kResourceExhausted,
                  "not done after " +
                      std::to_string(options.max_time.count() / 1000) + " s");
    }
    got.bytes.insert(got.bytes.end(), bytes.begin(), bytes.end());
    return {};
  };
  HttpClient client;
  {
    const std::lock_guard lock(mutex);
    if (!idle.empty()) {
      client = std::move(idle.back());
      idle.pop_back();
    }
  }
  const auto response = client.Get(url, request, sink);
  {
    const std::lock_guard lock(mutex);
    idle.push_back(std::move(client));
  }
  if (!response) return response.Failure();
  return got;
}

Result<Downloaded> Downloader::State::GetWithRetries(
    const Url& url, std::uint64_t max_bytes, const std::stop_token& stop) {
  auto delay = options.retry_delay;
  for (int attempt = 1;; ++attempt) {
    milliseconds retry_after{0};
    auto got = GetOnce(url, max_bytes, stop, retry_after);
    if (got || got.error().code != ErrorCode::kUnavailable ||
        attempt >= options.attempts) {
      return got;
    }
    if (retry_after > options.longest_retry_after) {
      return got.Failure("to be tried again in " +
                         std::to_string(retry_after.count() / 1000) + " s");
    }
    const auto by_chance = std::chrono::duration_cast<milliseconds>(
        delay * (0.5 + options.random()));
    const auto pause = std::max(retry_after, by_chance);
    if (retry_after.count() > 0) HoldOff(url.host, retry_after);
    options.wait(pause, stop);
    if (stop.stop_requested()) {
      return Fail(ErrorCode::kCancelled, "stopped");
    }
    delay *= 2;
  }
}

Downloader::Downloader(DownloadOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}
Downloader::~Downloader() = default;

Result<Downloaded> Downloader::Get(const Url& url, std::uint64_t max_bytes) {
  std::stop_source either;
  const auto request_stop = [&] { either.request_stop(); };
  const std::stop_callback of_all(state_->options.stop, request_stop);
  const std::stop_callback of_mine(WorkScope::stop(), request_stop);
  const std::stop_token stop = either.get_token();
  if (!state_->Enter(url.host, stop)) {
    return Fail(ErrorCode::kCancelled, "stopped");
  }
  auto got = state_->GetWithRetries(url, max_bytes, stop);
  state_->Leave(url.host);
  return got;
}

std::chrono::seconds ParseRetryAfter(
    std::string_view text, std::chrono::system_clock::time_point now) {
  using std::chrono::seconds;
  constexpr std::int64_t kMost = 365 * 24 * 3600;
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && stop == end) {
    return seconds(std::clamp<std::int64_t>(number, 0, kMost));
  }
  const auto then = ParseHttpDate(text);
  if (!then) return seconds(0);
  const auto left = std::chrono::ceil<seconds>(*then - now);
  return std::clamp(left, seconds(0), seconds(kMost));
}

}  // namespace ocelli
