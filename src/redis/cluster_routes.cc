#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <utility>

#include "redis/cluster_slots.h"
#include "redis/redis_error.h"
#include "redis/redis_routes.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kSlots = 16384;
// A server that hangs is not waited for long: another one knows as well.
constexpr milliseconds kMapTimeout{1000};
constexpr milliseconds kBetweenMaps{100};
constexpr milliseconds kBetweenMapsOfMoved{1000};
// Who answers MOVED decides how many there are.
constexpr std::size_t kMostNodes = 2048;

class ClusterRoutes final : public RedisRoutes {
 public:
  ClusterRoutes(const RedisUrl& url, const RedisOptions& options,
                RedisMeters& meters)
      : login_{url.user, url.password, 0, options.read_replicas},
        options_(options),
        meters_(meters) {
    for (const RedisHost& host : url.hosts) seeds_.push_back(NodeAt(host));
  }

  Result<RedisNode*> Find(int slot, bool may_be_old) override {
    if (!known_) Refresh(true);
    if (slot < 0) return AnyMaster();
    RedisNode* master = masters_[static_cast<std::size_t>(slot)];
    if (master == nullptr) {
      Refresh(false);
      master = masters_[static_cast<std::size_t>(slot)];
    }
    if (master == nullptr) return NoMap();
    if (may_be_old && options_.read_replicas) return ReplicaOf(master);
    return master;
  }

  Result<std::vector<RedisNode*>> Masters() override {
    if (!known_) Refresh(true);
    std::vector<RedisNode*> masters;
    for (const auto& slot : masters_) {
      RedisNode* master = slot;
      if (master == nullptr) return NoMap();
      if (masters.empty() || masters.back() != master) {
        masters.push_back(master);
      }
    }
    std::sort(masters.begin(), masters.end(), std::less<>());
    masters.erase(std::unique(masters.begin(), masters.end()), masters.end());
    return masters;
  }

  RedisNode* Redirected(const RedisHost& host) override { return NodeAt(host); }

  void Moved(int slot, RedisNode* node) override {
    if (slot >= 0) masters_[static_cast<std::size_t>(slot)] = node;
    // Where one slot moved others did; that server knows.
    const std::unique_lock lock(refreshing_, std::try_to_lock);
    if (lock && steady_clock::now() - refreshed_ >= kBetweenMapsOfMoved) {
      refreshed_ = steady_clock::now();
      TakeMapOf(*node);
    }
  }

  void Refresh(bool wait) override {
    std::unique_lock lock(refreshing_, std::defer_lock);
    if (wait) {
      lock.lock();
    } else if (!lock.try_lock()) {
      return;
    }
    if (steady_clock::now() - refreshed_ < kBetweenMaps) return;
    for (RedisNode* node : WhomToAsk()) {
      if (TakeMapOf(*node)) break;
    }
    refreshed_ = steady_clock::now();
  }

 private:
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

  // Those first that seem to be there, another one each time.
  std::vector<RedisNode*> WhomToAsk() {
    std::vector<RedisNode*> nodes;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [name, node] : nodes_) nodes.push_back(node.get());
    }
    if (!known_) {
      // In the order of the address.
      nodes = seeds_;
    } else {
      const std::size_t first = turn_++ % nodes.size();
      std::rotate(nodes.begin(),
                  nodes.begin() + static_cast<std::ptrdiff_t>(first),
                  nodes.end());
    }
    std::stable_partition(nodes.begin(), nodes.end(), [](RedisNode* node) {
      return !node->breaker_open();
    });
    return nodes;
  }

  // With refreshing_.
  bool TakeMapOf(RedisNode& node) {
    auto reply = node.Ask({"CLUSTER", "SLOTS"},
                          std::min(options_.answer_timeout, kMapTimeout));
    if (reply && reply->kind == RedisReply::Kind::kError) {
      reply = Fail(CodeOf(reply->text),
                   "Redis at " + node.name() +
                       ": CLUSTER SLOTS: " + ExplainRefusal(reply->text));
    }
    auto ranges = reply ? ParseClusterSlots(*reply, node.host())
                        : Result<std::vector<RedisSlotRange>>(reply.Failure());
    if (!ranges) {
      const std::lock_guard lock(mutex_);
      trouble_ = ranges.error();
      return false;
    }
    std::vector<RedisNode*> masters(kSlots);
    std::map<RedisNode*, std::vector<RedisNode*>> replicas;
    for (const RedisSlotRange& range : *ranges) {
      RedisNode* master = NodeAt(range.master);
      if (master == nullptr) continue;
      std::fill(masters.begin() + range.first, masters.begin() + range.last + 1,
                master);
      auto& others = replicas[master];
      if (!others.empty()) continue;  // As of another range.
      for (const RedisHost& host : range.replicas) {
        if (RedisNode* replica = NodeAt(host)) others.push_back(replica);
      }
    }
    for (std::size_t i = 0; i < masters.size(); ++i) masters_[i] = masters[i];
    const std::lock_guard lock(mutex_);
    replicas_ = std::move(replicas);
    trouble_ = {
        ErrorCode::kUnavailable,
        "Redis at " + node.name() + ": no server has this slot of the Cluster"};
    known_ = !ranges->empty();
    return known_;
  }

  tl::unexpected<Error> NoMap() {
    const std::lock_guard lock(mutex_);
    return tl::unexpected(trouble_);
  }

  Result<RedisNode*> AnyMaster() {
    RedisNode* any = nullptr;
    const std::lock_guard lock(mutex_);
    const std::size_t skip = replicas_.empty() ? 0 : turn_++ % replicas_.size();
    std::size_t i = 0;
    for (const auto& [master, replicas] : replicas_) {
      const bool good = !master->breaker_open();
      if (any == nullptr || (good && i <= skip)) any = master;
      ++i;
    }
    if (any == nullptr) return tl::unexpected(trouble_);
    return any;
  }

  RedisNode* ReplicaOf(RedisNode* master) {
    const std::lock_guard lock(mutex_);
    const auto found = replicas_.find(master);
    if (found == replicas_.end()) return master;
    const std::vector<RedisNode*>& replicas = found->second;
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      RedisNode* replica = replicas[turn_++ % replicas.size()];
      if (!replica->breaker_open()) return replica;
    }
    return master;
  }

  const RedisLogin login_;
  const RedisOptions options_;
  RedisMeters& meters_;
  std::vector<RedisNode*> seeds_;
  // Nodes are never taken out, so these lead somewhere for ever.
  std::array<std::atomic<RedisNode*>, kSlots> masters_{};
  std::atomic<bool> known_ = false;
  std::atomic<std::size_t> turn_ = 0;

  std::mutex refreshing_;  // Held while a map is asked for.
  steady_clock::time_point refreshed_ =
      steady_clock::now() - kBetweenMapsOfMoved;  // Guarded by refreshing_.

  std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, std::unique_ptr<RedisNode>> nodes_;
  std::map<RedisNode*, std::vector<RedisNode*>> replicas_;  // By master.
  Error trouble_{ErrorCode::kUnavailable, "Redis: no map of the Cluster"};
};

}  // namespace

std::unique_ptr<RedisRoutes> MakeClusterRoutes(const RedisUrl& url,
                                               const RedisOptions& options,
                                               RedisMeters& meters) {
  return std::make_unique<ClusterRoutes>(url, options, meters);
}

}  // namespace ocelli
