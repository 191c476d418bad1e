#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <thread>
#include <vector>

#include "live/live_session.h"
#include "metrics/metrics.h"

namespace ocelli {

// Until it is destroyed: twice a second the status on a terminal, and every
// second the metrics into their file.
class LiveWatch {
 public:
  // `sessions` (at least one) and `metrics` outlive it.
  LiveWatch(std::vector<const LiveSession*> sessions,
            const MetricsRegistry& metrics, std::string metrics_file);
  ~LiveWatch();
  LiveWatch(const LiveWatch&) = delete;
  LiveWatch& operator=(const LiveWatch&) = delete;

 private:
  void Run(const std::stop_token& stop);
  void WriteMetrics();

  const std::vector<const LiveSession*> sessions_;
  const MetricsRegistry& metrics_;
  const std::string metrics_file_;
  const bool terminal_;
  bool told_ = false;
  std::jthread thread_;  // Last: uses all of the above.
};

// On standard error that a kept session goes on, if it does.
void PrintResumed(const LiveSession& session);

// What a session did, at its end.
nlohmann::ordered_json LiveSummaryJson(const std::string& source,
                                       const LiveSession& session);
// The same for people, on standard error.
void PrintLiveSummary(const std::string& source, const LiveSession& session);

}  // namespace ocelli
