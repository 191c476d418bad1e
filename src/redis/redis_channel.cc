#include "redis/redis_channel.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <stop_token>
#include <thread>
#include <vector>

#include "core/check.h"
#include "core/file_descriptor.h"
#include "core/sleep.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kFirstPause{20};
constexpr milliseconds kLongestPause{1000};

class Listener final : public RedisSubscription {
 public:
  Listener(std::string channel, std::function<void(const std::string&)> heard,
           RedisRoutes& routes, const RedisOptions& options)
      : channel_(std::move(channel)),
        heard_(std::move(heard)),
        routes_(routes),
        options_(options),
        thread_([this](const std::stop_token& stop) { Run(stop); }) {
    OCELLI_CHECK(wake_.valid());
  }
  ~Listener() override {
    thread_.request_stop();
    const std::uint64_t one = 1;
    OCELLI_CHECK(write(wake_.number(), &one, sizeof(one)) == sizeof(one));
  }

 private:
  void Run(const std::stop_token& stop) {
    milliseconds pause = kFirstPause;
    while (!stop.stop_requested()) {
      const auto begun = steady_clock::now();
      Listen(stop);
      // Not busily where a server lets in and hangs up.
      if (steady_clock::now() - begun > kLongestPause) pause = kFirstPause;
      if (!SleepFor(pause, stop)) return;
      pause = std::min(pause * 2, kLongestPause);
      routes_.Refresh(true);
    }
  }

  // Returns when the connection is lost.
  void Listen(const std::stop_token& stop) {
    auto node = routes_.Find(RedisSlotOf(channel_), false);
    if (!node) return;
    auto connection = (*node)->Connect();
    if (!connection) return;
    (*connection)->Append(std::vector<std::string>{"SUBSCRIBE", channel_});
    (*connection)->Send();
    bool asked = false;
    while (!stop.stop_requested()) {
      auto reply = (*connection)
                       ->Receive(steady_clock::now() + options_.answer_timeout,
                                 wake_.number());
      if (!reply) {
        // Silence may be a server that is gone: ask it, once.
        if (reply.error().code != ErrorCode::kDeadlineExceeded || asked) {
          return;
        }
        (*connection)->Append(std::vector<std::string>{"PING"});
        (*connection)->Send();
        asked = true;
        continue;
      }
      asked = false;
      const auto& parts = reply->elements;
      if (!reply->is_array() || parts.empty()) return;  // An error.
      if (parts[0].text == "subscribe") heard_({});
      if (parts[0].text == "message" && parts.size() == 3 &&
          !parts[2].text.empty()) {
        heard_(parts[2].text);
      }
    }
  }

  const std::string channel_;
  const std::function<void(const std::string&)> heard_;
  RedisRoutes& routes_;
  const RedisOptions options_;
  const FileDescriptor wake_{eventfd(0, EFD_CLOEXEC)};
  std::jthread thread_;
};

}  // namespace

std::unique_ptr<RedisSubscription> ListenTo(
    std::string channel, std::function<void(const std::string&)> heard,
    RedisRoutes& routes, const RedisOptions& options) {
  return std::make_unique<Listener>(std::move(channel), std::move(heard),
                                    routes, options);
}

}  // namespace ocelli
