#pragma once

#include <cstdint>
#include <string_view>

#include "metrics/metrics.h"

namespace ocelli {

// What the server counts. Thread-safe.
class HttpMetrics {
 public:
  explicit HttpMetrics(MetricsRegistry& registry);

  Gauge& connections() { return connections_; }
  Counter& received() { return received_; }
  Counter& sent() { return sent_; }
  // `seconds` from the head's coming until the answer was handed over.
  void Answered(int status, double seconds);
  // `reason` is a word of this program's, never of a client.
  void Refused(std::string_view reason);

 private:
  MetricsRegistry& registry_;
  Gauge& connections_;
  Counter& received_;
  Counter& sent_;
  Histogram& seconds_;
  Counter* classes_[5];
};

}  // namespace ocelli
