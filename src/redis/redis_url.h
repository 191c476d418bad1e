#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace ocelli {

enum class RedisTopology { kSingle, kSentinel, kCluster };

struct RedisHost {
  std::string name;  // IPv6 without its brackets.
  std::uint16_t port = 6379;
  bool operator==(const RedisHost&) const = default;

  std::string ToString() const;  // "10.0.0.1:6379", "[::1]:6379".
};

// Where Redis is and who asks:
//   redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]
//   redis+sentinel://...HOST[:26379],HOST.../MASTER[/DATABASE]
//   redis+cluster://...HOST[:PORT],HOST...
// and the same with rediss for TLS. Percent-encoding in user and password,
// which serve the sentinels too where these want any.
struct RedisUrl {
  RedisTopology topology = RedisTopology::kSingle;
  bool tls = false;
  std::vector<RedisHost> hosts;  // Of the sentinels, or some of the cluster.
  std::string master;            // Its name among the sentinels.
  std::string user;              // Empty: the default user.
  std::string password;          // Empty: none.
  int database = 0;

  // Without the password: for messages and logs.
  std::string ForMessage() const;
};

// Whether `text` begins as an address of Redis does, right or wrong.
bool IsRedisUrl(std::string_view text);

// kInvalidArgument says what such an address looks like, never the password.
Result<RedisUrl> ParseRedisUrl(std::string_view text);

}  // namespace ocelli
