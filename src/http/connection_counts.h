#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>

#include "metrics/metrics.h"

namespace ocelli {

// Whose connections are counted together: an IPv4 address, the /64 of an IPv6
// one, since that is what one customer has. `address` is in its usual
// notation. Empty: loopback, behind which may be a proxy for everybody.
std::string ClientGroup(const std::string& address);

// How many connections there are, in all and by client. Thread-safe.
class ConnectionCounts {
 public:
  ConnectionCounts(std::size_t of_client, Gauge& gauge)
      : of_client_(of_client), gauge_(gauge) {}

  // False: that client has too many.
  bool Add(const std::string& group);
  void Remove(const std::string& group);
  std::size_t total() const;
  // Whether there are none, waiting for so long at most.
  bool AwaitNone(std::chrono::milliseconds patience) const;

 private:
  const std::size_t of_client_;
  Gauge& gauge_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  // Guarded by mutex_.
  std::size_t total_ = 0;
  std::map<std::string, std::size_t> by_group_;
};

}  // namespace ocelli
