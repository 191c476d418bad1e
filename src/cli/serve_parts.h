#pragma once

#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "access/access.h"
#include "archive/task.h"
#include "archive/upload_budget.h"
#include "cli/archive_job.h"
#include "cli/archive_watch.h"
#include "cli/command.h"
#include "cli/serve_settings.h"
#include "core/fair_slots.h"
#include "faces/unknown_people.h"
#include "live/live_board.h"
#include "live/session_store.h"
#include "metrics/metrics.h"
#include "models/model_store.h"
#include "recognize/recognizer.h"
#include "recognize/referenced_images.h"
#include "redis/redis_client.h"
#include "service/service.h"

namespace ocelli {

// Everything that a service works with, opened from the settings of this user:
// where the command line keeps it, the service does too.
class ServeParts {
 public:
  // `context` and `access` outlive it. The first of them that can't be had is
  // the error.
  static Result<std::unique_ptr<ServeParts>> Open(const CommandContext& context,
                                                  const ServeSettings& settings,
                                                  AccessStore& access);
  ~ServeParts();

  Service& service() { return *service_; }
  LiveBoard& live() { return *live_; }
  MetricsRegistry& metrics() { return metrics_; }

  // Begins to follow and to archive the cameras. What can't be begun is logged
  // and does not keep the others.
  void StartCameras(const ServeSettings& settings);
  // Stops reading them; archives take what was read into their spools and end.
  void StopCameras();

 private:
  ServeParts(const CommandContext& context, const ServeSettings& settings);

  Result<> OpenState(const ServeSettings& settings);

  const CommandContext& context_;
  MetricsRegistry metrics_;
  const ModelStore models_;
  const Tasks archives_;
  FairSlots images_;
  ReferencedImages references_;
  std::unique_ptr<ResultCache> cache_;  // Null: none.
  std::unique_ptr<Recognizer> recognizer_;
  std::unique_ptr<Gallery> gallery_;
  UnknownPeople unknown_;
  std::unique_ptr<RedisClient> redis_;  // Of sessions; null: in memory.
  std::unique_ptr<SessionStore> sessions_;
  std::unique_ptr<LiveBoard> live_;
  std::unique_ptr<Service> service_;

  // Archives of cameras.
  std::stop_source stop_archives_;
  CommandContext archive_context_;
  UploadBudget uploads_;
  std::vector<std::unique_ptr<ArchiveJob>> archive_jobs_;
  std::unique_ptr<ArchiveWatch> archive_watch_;
  std::vector<std::jthread> archiving_;
};

}  // namespace ocelli
