#include "archive/archiver.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

#include "archive/archive_exchange.h"
#include "archive/archive_metrics.h"
#include "archive/archive_place.h"
#include "archive/archive_worker.h"
#include "archive/manifest_log.h"
#include "core/log.h"

namespace ocelli {
namespace {

// So much may be written and not synced before Add() waits.
constexpr std::uint64_t kMostUnsyncedBytes = 64 << 20;
constexpr std::uint64_t kMostUnsyncedFrames = 256;

std::string ToResume(const ArchiverOptions& options, FileSystem& folder) {
  return "; what is not stored waits in " + folder.PathOf("") +
         ": ocelli archive resume " + options.name;
}

class RunningArchiver final : public Archiver {
 public:
  RunningArchiver(ArchiverOptions options, std::unique_ptr<FileSystem> folder,
                  std::unique_ptr<ManifestLog> log,
                  std::unique_ptr<Spool> spool, ObjectStore& store,
                  UploadBudget& budget, MetricsRegistry& metrics,
                  std::uint64_t next_seq)
      : options_(std::move(options)),
        folder_(std::move(folder)),
        log_(std::move(log)),
        spool_(std::move(spool)),
        metrics_(metrics, options_.name),
        exchange_(std::make_shared<ArchiveExchange>(*options_.clock)),
        worker_(options_, ToResume(options_, *folder_), *spool_, *log_, store,
                budget, metrics_, exchange_, next_seq),
        last_run_(ReadRun(*folder_)) {
    if (const auto last = log_->last()) {
      last_run_ = std::max(last_run_.value_or(0), last->frame.run);
      exchange_->status.last = last;
    }
    run_ = last_run_.value_or(0);
    exchange_->undelivered = next_seq;
    exchange_->status.next_seq = spool_->next_seq();
    exchange_->woken = true;
    thread_ = std::thread([this] { worker_.Run(); });
  }

  ~RunningArchiver() override {
    {
      const std::lock_guard lock(exchange_->mutex);
      exchange_->closed = true;
      exchange_->woken = false;
      exchange_->Wake();
    }
    thread_.join();
  }

  void BeginRun(bool resumed) override {
    if (last_run_) run_ = resumed ? *last_run_ : *last_run_ + 1;
    last_run_ = run_;
    run_is_noted_ = false;
  }

  Result<> Add(const NewFrame& frame, std::stop_token stop) override;
  Result<> WaitUntilDelivered(std::stop_token stop) override;
  Result<> Finish(std::stop_token stop) override;
  ArchiveStatus status() const override;

 private:
  Result<> NoteRun();
  Result<> MakeRoom(std::uint64_t seq, const Error& full,
                    std::uint64_t releases, std::stop_token stop);

  const ArchiverOptions options_;
  std::unique_ptr<FileSystem> folder_;  // Outlives what is in it.
  std::unique_ptr<ManifestLog> log_;
  std::unique_ptr<Spool> spool_;
  ArchiveMetrics metrics_;
  std::shared_ptr<ArchiveExchange> exchange_;  // With worker and store.
  ArchiveWorker worker_;                       // Of thread_.

  // Of the thread that calls Add().
  std::optional<std::uint32_t> last_run_;
  std::uint32_t run_ = 0;
  bool run_is_noted_ = false;

  std::thread thread_;
};

Result<> RunningArchiver::NoteRun() {
  if (run_is_noted_) return {};
  if (auto done = WriteRun(*folder_, run_); !done) {
    return done.Failure("archive " + options_.name);
  }
  run_is_noted_ = true;
  return {};
}

Result<> RunningArchiver::Add(const NewFrame& frame, std::stop_token stop) {
  if (auto noted = NoteRun(); !noted) return noted;
  FrameRecord record = frame.record;
  record.seq = spool_->next_seq();
  record.run = run_;
  record.time = std::chrono::floor<std::chrono::microseconds>(record.time);
  for (;;) {
    std::uint64_t releases = 0;
    {
      const std::lock_guard lock(exchange_->mutex);
      if (exchange_->error) return tl::unexpected(*exchange_->error);
      releases = exchange_->releases;
    }
    const auto appended = spool_->Append(record, frame.picture);
    if (appended) break;
    if (appended.error().code != ErrorCode::kResourceExhausted) {
      return appended.Failure("archive " + options_.name);
    }
    if (auto room = MakeRoom(record.seq, appended.error(), releases, stop);
        !room) {
      return room;
    }
  }

  std::unique_lock lock(exchange_->mutex);
  exchange_->status.next_seq = record.seq + 1;
  exchange_->unsynced_bytes += frame.picture.size();
  ++exchange_->unsynced_frames;
  exchange_->Wake();
  exchange_->for_callers.wait(lock, stop, [this] {
    return exchange_->error ||
           exchange_->unsynced_bytes <= kMostUnsyncedBytes ||
           exchange_->unsynced_frames <= kMostUnsyncedFrames;
  });
  return {};
}

Result<> RunningArchiver::MakeRoom(std::uint64_t seq, const Error& full,
                                   std::uint64_t releases,
                                   std::stop_token stop) {
  const auto give_up = [&] {
    return Fail(full.code, "archive " + options_.name + ": " + full.message);
  };
  if (options_.live) {
    if (options_.spool_full == ArchiverOptions::SpoolFull::kStop) {
      return give_up();
    }
    const auto dropped = spool_->DropOldest();
    if (!dropped) return dropped.Failure("archive " + options_.name);
    if (*dropped > 0) {
      Log(LogLevel::kWarning, "the spool is full: frames were dropped",
          {{"task", options_.name}, {"frames", *dropped}});
      metrics_.dropped.Add(static_cast<double>(*dropped));
      const std::lock_guard lock(exchange_->mutex);
      exchange_->status.dropped += *dropped;
      return {};
    }
  }
  std::unique_lock lock(exchange_->mutex);
  exchange_->for_callers.wait(lock, std::move(stop), [&] {
    return exchange_->error || exchange_->releases != releases ||
           exchange_->undelivered == seq;
  });
  if (exchange_->error) return tl::unexpected(*exchange_->error);
  if (exchange_->releases != releases) return {};
  if (exchange_->undelivered == seq) return give_up();
  return Fail(ErrorCode::kCancelled,
              "archive " + options_.name + ": stopped while its spool is full");
}

Result<> RunningArchiver::WaitUntilDelivered(std::stop_token stop) {
  std::unique_lock lock(exchange_->mutex);
  const auto delivered = [this] {
    return exchange_->undelivered == exchange_->status.next_seq;
  };
  exchange_->for_callers.wait(lock, stop,
                              [&] { return exchange_->error || delivered(); });
  if (exchange_->error) return tl::unexpected(*exchange_->error);
  if (delivered()) return {};
  return Fail(ErrorCode::kCancelled, "archive " + options_.name + ": stopped");
}

Result<> RunningArchiver::Finish(std::stop_token stop) {
  const std::stop_callback on_stop(stop, [this] {
    const std::lock_guard lock(exchange_->mutex);
    exchange_->stopping = true;
    exchange_->Wake();
  });
  std::unique_lock lock(exchange_->mutex);
  exchange_->finishing = true;
  exchange_->Wake();
  exchange_->for_callers.wait(
      lock, [this] { return exchange_->finished.has_value(); });
  return *exchange_->finished;
}

ArchiveStatus RunningArchiver::status() const {
  const std::lock_guard lock(exchange_->mutex);
  return exchange_->status;
}

}  // namespace

Result<std::unique_ptr<Archiver>> Archiver::Open(
    ArchiverOptions options, std::unique_ptr<FileSystem> folder,
    ObjectStore& store, UploadBudget& budget, MetricsRegistry& metrics,
    const std::stop_token& stop) {
  const std::string doing = "archive " + options.name;
  auto log = OpenManifestLog(*folder, store, options.name, stop);
  if (!log) return log.Failure(doing);
  std::uint64_t next_seq = 0;
  if (const auto last = (*log)->last()) {
    next_seq = last->frame.seq + (last->end ? 0 : 1);
  }
  auto spool =
      Spool::Open(*folder, options.spool,
                  next_seq > 0 ? std::optional(next_seq - 1) : std::nullopt);
  if (!spool) return spool.Failure(doing);
  return std::make_unique<RunningArchiver>(
      std::move(options), std::move(folder), *std::move(log), *std::move(spool),
      store, budget, metrics, next_seq);
}

}  // namespace ocelli
