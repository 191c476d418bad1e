#include <algorithm>
#include <atomic>
#include <charconv>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "redis/redis_error.h"
#include "redis/redis_routes.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kAskTimeout{1000};
constexpr milliseconds kBetweenLooks{100};
constexpr std::size_t kMostNodes = 2048;

std::optional<RedisHost> ParseHost(const std::string& name,
                                   const std::string& port) {
  RedisHost host{name, 0};
  const char* end = port.data() + port.size();
  const auto [stop, error] = std::from_chars(port.data(), end, host.port);
  if (error != std::errc() || stop != end || host.port == 0 || name.empty() ||
      name.size() > 255) {
    return {};
  }
  return host;
}

class SentinelRoutes final : public RedisRoutes {
 public:
  SentinelRoutes(const RedisUrl& url, const RedisOptions& options,
                 RedisMeters& meters)
      : name_(url.master),
        login_{url.user, url.password, url.database},
        options_(options),
        meters_(meters) {
    for (const RedisHost& host : url.hosts) {
      Sentinel& sentinel = sentinels_.emplace_back();
      sentinel.open =
          std::make_unique<RedisNode>(host, RedisLogin{}, options, meters);
      sentinel.guarded = std::make_unique<RedisNode>(
          host, RedisLogin{url.user, url.password}, options, meters);
    }
  }

  Result<RedisNode*> Find(int, bool may_be_old) override {
    if (master_ == nullptr) Refresh(true);
    const std::lock_guard lock(mutex_);
    RedisNode* master = master_;
    if (master == nullptr) return tl::unexpected(trouble_);
    if (!may_be_old || !options_.read_replicas) return master;
    for (std::size_t i = 0; i < replicas_.size(); ++i) {
      RedisNode* replica = replicas_[turn_++ % replicas_.size()];
      if (!replica->breaker_open()) return replica;
    }
    return master;
  }

  Result<std::vector<RedisNode*>> Masters() override {
    auto master = Find(0, false);
    if (!master) return master.Failure();
    return std::vector<RedisNode*>{*master};
  }

  void Refresh(bool wait) override {
    std::unique_lock lock(refreshing_, std::defer_lock);
    if (wait) {
      lock.lock();
    } else if (!lock.try_lock()) {
      return;
    }
    if (steady_clock::now() - refreshed_ < kBetweenLooks) return;
    Look();
    refreshed_ = steady_clock::now();
  }

 private:
  struct Sentinel {
    std::unique_ptr<RedisNode> open;     // Asks for no password.
    std::unique_ptr<RedisNode> guarded;  // Has the one of the master.
  };

  // With refreshing_. What a sentinel says is believed only where the server
  // agrees: one that was cut off still names the old master.
  void Look() {
    for (std::size_t i = 0; i < sentinels_.size(); ++i) {
      auto said =
          Ask(sentinels_[i], {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", name_});
      if (!said) {
        Remember(said.error());
        continue;
      }
      const std::string at = "Sentinel at " + sentinels_[i].open->name() + ": ";
      if (said->nil()) {
        Remember({ErrorCode::kFailedPrecondition,
                  at + "it knows no master \"" + name_ +
                      "\": check the name after the last host"});
        continue;
      }
      const auto host =
          said->elements.size() == 2
              ? ParseHost(said->elements[0].text, said->elements[1].text)
              : std::nullopt;
      RedisNode* node = host ? NodeAt(*host) : nullptr;
      if (node == nullptr) {
        Remember({ErrorCode::kFailedPrecondition, at + "unknown answer"});
        continue;
      }
      if (auto agreed = CheckMaster(*node); !agreed) {
        Remember(agreed.error());
        continue;
      }
      std::vector<RedisNode*> replicas;
      if (options_.read_replicas) replicas = AskForReplicas(sentinels_[i]);
      std::rotate(sentinels_.begin(),
                  sentinels_.begin() + static_cast<std::ptrdiff_t>(i),
                  sentinels_.end());
      const std::lock_guard lock(mutex_);
      master_ = node;
      replicas_ = std::move(replicas);
      return;
    }
  }

  static bool IsError(const Result<RedisReply>& reply) {
    return reply && reply->kind == RedisReply::Kind::kError;
  }

  Result<RedisReply> Ask(const Sentinel& sentinel,
                         const std::vector<std::string>& words) {
    const auto timeout = std::min(options_.answer_timeout, kAskTimeout);
    auto reply = sentinel.open->Ask(words, timeout);
    if (IsError(reply) && reply->text.starts_with("NOAUTH") &&
        !login_.password.empty()) {
      reply = sentinel.guarded->Ask(words, timeout);
    }
    if (IsError(reply)) {
      return Fail(CodeOf(reply->text), "Sentinel at " + sentinel.open->name() +
                                           ": " + ExplainRefusal(reply->text));
    }
    return reply;
  }

  Result<> CheckMaster(RedisNode& node) {
    const auto role =
        node.Ask({"ROLE"}, std::min(options_.answer_timeout, kAskTimeout));
    if (!role) return role.Failure();
    // A user who may not ask finds out with the first write.
    if (IsError(role) && role->text.starts_with("NOPERM")) return {};
    if (IsError(role)) {
      return Fail(CodeOf(role->text), "Redis at " + node.name() + ": ROLE: " +
                                          ExplainRefusal(role->text));
    }
    if (!role->elements.empty() && role->elements[0].text == "master") {
      return {};
    }
    return Fail(ErrorCode::kUnavailable,
                "Redis at " + node.name() +
                    ": the sentinels call it master \"" + name_ +
                    "\", but it is none yet");
  }

  std::vector<RedisNode*> AskForReplicas(const Sentinel& sentinel) {
    std::vector<RedisNode*> replicas;
    const auto said = Ask(sentinel, {"SENTINEL", "REPLICAS", name_});
    if (!said) return replicas;
    for (const RedisReply& each : said->elements) {
      std::map<std::string, std::string> parts;
      for (std::size_t i = 0; i + 1 < each.elements.size(); i += 2) {
        parts[each.elements[i].text] = each.elements[i + 1].text;
      }
      // With "s_down" or "disconnected" after it, it is not well.
      if (parts["flags"] != "slave") continue;
      const auto host = ParseHost(parts["ip"], parts["port"]);
      RedisNode* node = host ? NodeAt(*host) : nullptr;
      if (node != nullptr) replicas.push_back(node);
    }
    return replicas;
  }

  RedisNode* NodeAt(const RedisHost& host) {
    const std::lock_guard lock(mutex_);
    auto& node = nodes_[host.ToString()];
    if (node == nullptr) {
      if (nodes_.size() > kMostNodes) {
        nodes_.erase(host.ToString());
        return nullptr;
      }
      node = std::make_unique<RedisNode>(host, login_, options_, meters_);
    }
    return node.get();
  }

  void Remember(Error error) {
    const std::lock_guard lock(mutex_);
    trouble_ = std::move(error);
  }

  const std::string name_;
  const RedisLogin login_;
  const RedisOptions options_;
  RedisMeters& meters_;
  std::atomic<RedisNode*> master_ = nullptr;

  std::mutex refreshing_;  // Held while sentinels are asked.
  // Guarded by refreshing_.
  std::vector<Sentinel> sentinels_;  // The one that knew last time first.
  steady_clock::time_point refreshed_ = steady_clock::now() - kBetweenLooks;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, std::unique_ptr<RedisNode>> nodes_;
  std::vector<RedisNode*> replicas_;
  std::size_t turn_ = 0;
  Error trouble_{ErrorCode::kUnavailable, "no Sentinel was asked yet"};
};

}  // namespace

std::unique_ptr<RedisRoutes> MakeSentinelRoutes(const RedisUrl& url,
                                                const RedisOptions& options,
                                                RedisMeters& meters) {
  return std::make_unique<SentinelRoutes>(url, options, meters);
}

}  // namespace ocelli
