#include "http/http_metrics.h"

#include <algorithm>
#include <string>

namespace ocelli {

HttpMetrics::HttpMetrics(MetricsRegistry& registry)
    : registry_(registry),
      connections_(registry.AddGauge("ocelli_http_connections",
                                     "Connections that are open.")),
      received_(registry.AddCounter("ocelli_http_received_bytes_total",
                                    "Bytes that came from clients.")),
      sent_(registry.AddCounter("ocelli_http_sent_bytes_total",
                                "Bytes that went to clients.")),
      seconds_(registry.AddHistogram(
          "ocelli_http_request_seconds",
          "From a request's head until its answer was handed over.",
          LatencyBounds())) {
  for (int i = 0; i < 5; ++i) {
    classes_[i] =
        &registry.AddCounter("ocelli_http_requests_total", "Requests answered.",
                             {{"status", std::to_string(i + 1) + "xx"}});
  }
}

void HttpMetrics::Answered(int status, double seconds) {
  classes_[std::clamp(status / 100, 1, 5) - 1]->Add();
  seconds_.Observe(seconds);
}

void HttpMetrics::Refused(std::string_view reason) {
  registry_
      .AddCounter("ocelli_http_refused_total",
                  "Connections and requests that the server ended by itself.",
                  {{"reason", std::string(reason)}})
      .Add();
}

}  // namespace ocelli
