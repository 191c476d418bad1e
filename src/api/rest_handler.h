#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "access/request_gate.h"
#include "api/live_watchers.h"
#include "api/web_assets.h"
#include "core/clock.h"
#include "http/http_server.h"
#include "service/service.h"

namespace ocelli {

// What it is made of; all outlive it.
struct RestParts {
  Service& service;
  AccessStore& access;
  LiveBoard& live;
  MetricsRegistry& metrics;
  RequestGate& gate;  // The one of all transports.
};

struct RestOptions {
  // Names and addresses that the service answers for besides those of
  // loopback: as browsers write them in Host, without port.
  std::vector<std::string> hosts;
  std::uint64_t max_image_bytes = 32u << 20;
  // Whether /metrics may be read over loopback without a key. Not behind a
  // proxy: all requests come over loopback there.
  bool open_metrics_on_loopback = false;
  LiveWatcherOptions live;
  std::string version;  // Of the service, for /openapi.json.
};

// The service as REST, with its page. The server that calls it ends first.
// Thread-safe.
std::unique_ptr<HttpHandler> MakeRestHandler(
    const RestParts& parts, const RestOptions& options = {},
    const WebAssets& assets = WebAssets(), const Clock& clock = SystemClock());

}  // namespace ocelli
