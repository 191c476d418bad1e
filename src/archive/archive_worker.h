#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archive/archive_exchange.h"
#include "archive/archive_metrics.h"
#include "archive/archiver.h"
#include "archive/manifest_log.h"
#include "archive/manifest_upload.h"
#include "archive/spool.h"
#include "archive/upload_budget.h"
#include "archive/upload_window.h"
#include "store/object_store.h"

namespace ocelli {

// What an Archiver does on its own thread: syncs the spool, uploads, delivers,
// stores the manifest. Everything it is given outlives it.
class ArchiveWorker {
 public:
  ArchiveWorker(const ArchiverOptions& options, std::string to_resume,
                Spool& spool, ManifestLog& log, ObjectStore& store,
                UploadBudget& budget, ArchiveMetrics& metrics,
                std::shared_ptr<ArchiveExchange> exchange,
                std::uint64_t next_seq);

  // Until the exchange is closed or finished.
  void Run();

 private:
  using Time = std::chrono::steady_clock::time_point;
  using Outcome = UploadBudget::Share::Outcome;

  struct News {
    std::vector<EndedUpload> ended;
    std::uint64_t frames = 0;  // Not synced yet.
    std::uint64_t bytes = 0;
    bool finishing = false;
    bool stopping = false;
  };
  // False: closed.
  bool WaitForNews(News& news);
  std::optional<Time> NextTimer() const;

  void Sync(const News& news);
  void FrameEnded(const EndedUpload& ended, Time now);
  void ManifestEnded(const EndedUpload& ended, Time now);
  Outcome OutcomeOf(const EndedUpload& ended) const;
  void Succeeded(Time now);
  void TryFailed(const Error& error, bool slow_down);
  // Of a frame or the manifest: its tries are used up.
  void UsedUp(const Error& error);
  void Fail(Error error);
  bool IsIntact(std::uint64_t seq) const;

  void BeginUploads(Time now);
  std::size_t WantedFrames(Time now);
  std::size_t WindowSize() const;
  bool BeginManifest(Time now);
  bool BeginFrame();
  bool TakeFromSpool();
  void StartPut(std::optional<std::uint64_t> seq, PutRequest request);
  std::size_t under_way() const {
    return window_.uploading() + (manifest_.under_way() ? 1 : 0);
  }
  bool is_outage() const;

  void Deliver(Time now);
  // What Finish() returns, once it may.
  std::optional<Result<>> FinishStep(Time now);
  std::optional<Result<>> StopStep(Time now);
  bool AppendEnd(Time now);
  void Publish();

  const ArchiverOptions& options_;
  const std::string to_resume_;  // Ends messages.
  Spool& spool_;
  ManifestLog& log_;
  ObjectStore& store_;
  UploadBudget& budget_;
  ArchiveMetrics& metrics_;
  std::shared_ptr<ArchiveExchange> exchange_;  // With the store's calls.
  std::unique_ptr<UploadBudget::Share> share_;

  UploadWindow window_;
  ManifestUpload manifest_;
  std::uint32_t last_run_ = 0;
  int failures_ = 0;  // In a row, slow-downs aside.
  bool in_trouble_ = false;
  bool told_tries_ = false;
  std::optional<Error> error_;  // It ended the archive.
  Time now_;                    // When uploads were begun last, or might be.
  Time last_begun_;
  std::optional<Time> stop_began_;
};

}  // namespace ocelli
