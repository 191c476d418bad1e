#include "redis/redis_routes.h"

namespace ocelli {
namespace {

class SingleRoutes final : public RedisRoutes {
 public:
  SingleRoutes(const RedisUrl& url, const RedisOptions& options,
               RedisMeters& meters)
      : node_(url.hosts[0], {url.user, url.password, url.database}, options,
              meters) {}

  Result<RedisNode*> Find(int, bool) override { return &node_; }
  Result<std::vector<RedisNode*>> Masters() override {
    return std::vector<RedisNode*>{&node_};
  }
  void Refresh(bool) override {}

 private:
  RedisNode node_;
};

}  // namespace

std::unique_ptr<RedisRoutes> MakeRedisRoutes(const RedisUrl& url,
                                             const RedisOptions& options,
                                             RedisMeters& meters) {
  switch (url.topology) {
    case RedisTopology::kSentinel:
      return MakeSentinelRoutes(url, options, meters);
    case RedisTopology::kCluster:
      return MakeClusterRoutes(url, options, meters);
    case RedisTopology::kSingle:
      break;
  }
  return std::make_unique<SingleRoutes>(url, options, meters);
}

}  // namespace ocelli
