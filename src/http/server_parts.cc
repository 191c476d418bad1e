#include <algorithm>
#include <cstdio>
#include <random>

#include "http/lane.h"

namespace ocelli {
namespace {

// How long a worker waits for more before it ends.
constexpr std::chrono::seconds kWorkerLinger{10};
constexpr std::size_t kQueuedForEachWorker = 4;

std::string Hex(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof(text), "%08llx",
                static_cast<unsigned long long>(value));
  return text;
}

std::size_t Workers(const HttpServerOptions& options) {
  return static_cast<std::size_t>(std::max(options.workers, 1));
}

}  // namespace

ServerParts::ServerParts(HttpServerOptions options_in, HttpHandler& handler_in,
                         MetricsRegistry& registry)
    : options(std::move(options_in)),
      handler(handler_in),
      metrics(registry),
      counts(options.max_connections_of_client, metrics.connections()),
      workers(Workers(options), kWorkerLinger,
              kQueuedForEachWorker * Workers(options)),
      id_prefix_(Hex(std::random_device{}())) {}

std::string ServerParts::NewId() { return id_prefix_ + "-" + Hex(next_id_++); }

}  // namespace ocelli
