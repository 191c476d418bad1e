#pragma once

#include <string>

#include "metrics/metrics.h"

namespace ocelli {

// What one archive counts.
struct ArchiveMetrics {
  ArchiveMetrics(MetricsRegistry& registry, const std::string& task)
      : labels{{"task", task}},
        taken(registry.AddCounter("ocelli_archive_frames_taken_total",
                                  "Frames that are durable in the spool.",
                                  labels)),
        stored(registry.AddCounter("ocelli_archive_frames_stored_total",
                                   "Frames whose object was uploaded.",
                                   labels)),
        failed(registry.AddCounter("ocelli_archive_uploads_failed_total",
                                   "Tries of uploads that failed.", labels)),
        dropped(registry.AddCounter("ocelli_archive_dropped_total",
                                    "Frames given up in the spool.", labels)),
        spool_bytes(registry.AddGauge("ocelli_archive_spool_bytes",
                                      "Size of the spool.", labels)),
        waiting(registry.AddGauge("ocelli_archive_waiting_frames",
                                  "Frames in the spool, not begun.", labels)),
        in_flight(registry.AddGauge("ocelli_archive_in_flight_uploads",
                                    "Uploads under way.", labels)),
        seconds(registry.AddHistogram("ocelli_archive_upload_seconds",
                                      "Of uploads that succeeded.",
                                      LatencyBounds(), labels)) {}

  MetricLabels labels;
  Counter& taken;
  Counter& stored;
  Counter& failed;
  Counter& dropped;
  Gauge& spool_bytes;
  Gauge& waiting;
  Gauge& in_flight;
  Histogram& seconds;
};

}  // namespace ocelli
