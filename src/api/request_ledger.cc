#include "api/request_ledger.h"

#include "core/log.h"

namespace ocelli {

void RequestLedger::Enter(const RequestEntry& entry) {
  const double seconds = std::chrono::duration<double>(entry.took).count();
  {
    const std::lock_guard lock(mutex_);
    Counter*& requests = requests_[{entry.route, entry.status}];
    if (!requests) {
      requests = &metrics_.AddCounter(
          "ocelli_api_http_requests_total", "Requests over HTTP",
          {{"route", entry.route}, {"status", std::to_string(entry.status)}});
    }
    requests->Add();
    Histogram*& histogram = seconds_[entry.route];
    if (!histogram) {
      histogram =
          &metrics_.AddHistogram("ocelli_api_http_request_seconds",
                                 "From the head of a request to its answer",
                                 LatencyBounds(), {{"route", entry.route}});
    }
    histogram->Observe(seconds);
  }
  Log(LogLevel::kInfo, "request",
      {{"http.request.method", entry.method},
       {"http.route", entry.route},
       {"http.response.status_code", entry.status},
       {"event.duration", entry.took.count()},
       {"http.request.body.bytes", entry.bytes_in},
       {"http.response.body.bytes", entry.bytes_out},
       {"client.address", entry.address},
       {"client.user.id", entry.client},
       {"http.request.id", entry.request_id}});
}

}  // namespace ocelli
