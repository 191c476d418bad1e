#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

#include "recognize/embedders.h"
#include "service/open_collections.h"
#include "service/service.h"
#include "service/stored_archives.h"

namespace ocelli {

// What the operations share. Thread-safe; the parts and the clock outlive it.
struct ServiceState {
  ServiceState(const ServiceParts& given, const Clock& given_clock)
      : parts(given),
        clock(given_clock),
        started(clock.WallTime()),
        requests(parts.metrics, clock),
        images(parts.metrics.AddCounter("ocelli_service_images_total",
                                        "Pictures that answers were about",
                                        {{"cached", "false"}})),
        cached_images(parts.metrics.AddCounter(
            "ocelli_service_images_total", "Pictures that answers were about",
            {{"cached", "true"}})),
        embedders(parts.models, parts.cache,
                  {.limits = parts.limits, .images = &parts.images}),
        collections(parts.collections, parts.collection_options),
        archives(parts.archives, parts.open_store, clock) {}

  void CountImage(bool cached) {
    (cached ? cached_images : images).Add();
    ++image_count;
    image_cached_count += cached;
  }

  const ServiceParts parts;
  const Clock& clock;
  const std::chrono::system_clock::time_point started;
  RequestCounters requests;
  Counter& images;
  Counter& cached_images;
  std::atomic<std::uint64_t> image_count = 0;
  std::atomic<std::uint64_t> image_cached_count = 0;
  std::atomic<bool> ready = false;
  Embedders embedders;
  OpenCollections collections;
  std::atomic<std::uint64_t> items_put = 0;
  StoredArchives archives;
  std::mutex verifying;  // An archive.
};

// Notes in the audit log what was done. An error says that it was done.
Result<> Record(ServiceState& state, const CallContext& context,
                std::string_view action, std::string_view subject_kind,
                std::string_view subject);

// Adds handlers to the table: functions of the state, who asks, and what.
class Handlers {
 public:
  // Both outlive what is added.
  Handlers(OperationTable& table, ServiceState& state)
      : table_(table), state_(state) {}

  template <typename Request, typename Response>
  void Add(std::string_view name,
           Result<Response> (*handler)(ServiceState&, const CallContext&,
                                       Request&)) {
    table_.Add<Request, Response>(
        name, [&state = state_, handler](const CallContext& context,
                                         Request& request) {
          return handler(state, context, request);
        });
  }

 private:
  OperationTable& table_;
  ServiceState& state_;
};

}  // namespace ocelli
