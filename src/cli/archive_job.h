#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "archive/archiver.h"
#include "archive/task.h"
#include "archive/upload_budget.h"
#include "cli/archive_flags.h"
#include "cli/archive_lines.h"
#include "cli/command.h"
#include "core/result.h"
#include "live/capture.h"
#include "metrics/metrics.h"
#include "models/model_store.h"

namespace ocelli {

// One archive to make.
struct ArchiveWish {
  std::string camera;  // Its name, where there are several; else empty.
  std::string source;
  std::string to;
  std::vector<std::string> arguments;  // As ParseArchiveFlags() takes them.
  bool resume = false;                 // Only what is not archived yet.
};

// What the archives of a process have in common. Outlives them.
struct ArchiveCommon {
  const CommandContext& context;
  UploadBudget& budget;
  MetricsRegistry& metrics;
  const ModelStore& models;
  // Prints a line of results; from several threads.
  std::function<void(const std::string&)> print;
};

// Where it is now, and where it ended.
struct ArchiveProgress {
  std::string task;  // Empty until it is known.
  std::string root;
  ArchiveStatus archive;
  CaptureStatus capture;
  std::uint64_t frames = 0;  // Listed.
  double seconds = 0;        // Since it began.
  // From the first frame taken to the last one listed.
  std::optional<double> first_taken_to_listed_ms;
  bool began = false;  // Frames were taken, or were to be.
  bool ended = false;
};

// One archive from its source to its end. Run() on one thread, the rest from
// any.
class ArchiveJob {
 public:
  ArchiveJob(ArchiveWish wish, ArchiveCommon common)
      : wish_(std::move(wish)), common_(std::move(common)) {}
  ~ArchiveJob();

  // To its end; kCancelled: stopped, and can be taken up again.
  Result<> Run();

  const ArchiveWish& wish() const { return wish_; }
  ArchiveProgress progress() const;
  // As the task's status, for who asks from outside.
  void SaveStatus() const;

 private:
  Result<> Work();
  // The task of this archive, if there is one already.
  Result<std::optional<Task>> FindTask() const;
  Result<> OpenArchiver(const ArchiveFlags& flags, bool live);
  // Until it answers, or says that it never will.
  Result<std::unique_ptr<Capture>> AwaitCamera(const CaptureOptions& options,
                                               const Error& first) const;
  Result<CaptureBefore> FindBefore();
  // Stores the manifest so far, so that the run can still be taken up.
  Result<> FinishWithoutEnd();
  void ListLines(std::span<const ManifestLine> lines);
  void End(const Result<>& done);

  const ArchiveWish wish_;
  const ArchiveCommon common_;
  TaskSettings settings_;
  std::unique_ptr<ObjectStore> store_;
  std::unique_ptr<ArchiveLines> lines_;  // Null: they are not printed.
  std::unique_ptr<Archiver> archiver_;   // Outlived by store_ and lines_.
  std::unique_ptr<Capture> capture_;
  std::chrono::steady_clock::time_point began_;
  std::chrono::system_clock::time_point began_at_;

  mutable std::mutex mutex_;
  // Guarded by mutex_; the pointers above are set under it too.
  TaskStatus::State state_ = TaskStatus::State::kRunning;
  std::string error_;
  std::uint64_t frames_ = 0;
  std::optional<std::chrono::steady_clock::time_point> listed_;
  std::optional<std::chrono::steady_clock::time_point> ended_;
  bool saved_ = false;                   // The task is there.
  std::optional<ArchiveProgress> last_;  // Once it has ended.
};

}  // namespace ocelli
