#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "metrics/metrics.h"

namespace ocelli {

// What one request was and how it ended.
struct RequestEntry {
  std::string method;
  std::string route;  // The pattern, never the path: that has names in it.
  int status = 0;
  std::chrono::nanoseconds took{};
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::string address;
  std::string client;  // Who, as Visitor::ClientText() has it.
  std::string request_id;
};

// Counts requests and writes one line of the log for each. Thread-safe.
class RequestLedger {
 public:
  explicit RequestLedger(MetricsRegistry& metrics) : metrics_(metrics) {}
  void Enter(const RequestEntry& entry);

 private:
  MetricsRegistry& metrics_;
  std::mutex mutex_;
  // Guarded by mutex_: looking one up in the registry takes longer.
  std::map<std::pair<std::string, int>, Counter*> requests_;
  std::map<std::string, Histogram*, std::less<>> seconds_;
};

}  // namespace ocelli
