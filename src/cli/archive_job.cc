#include "cli/archive_job.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <random>
#include <utility>

#include "archive/manifest_log.h"
#include "cli/json_output.h"
#include "core/log.h"
#include "core/sleep.h"
#include "media/video_source.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

// The same from every folder.
std::string Absolute(const std::string& source) {
  std::error_code error;
  if (!fs::exists(source, error)) return source;
  const fs::path path = fs::absolute(source, error);
  return error ? source : path.lexically_normal().string();
}

bool IsCamera(const std::string& source) {
  for (const char* kind : {"rtsp://", "rtsps://", "rtmp://", "rtmps://"}) {
    if (source.starts_with(kind)) return true;
  }
  return false;
}

double Seconds(steady_clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

ArchiveJob::~ArchiveJob() {
  capture_.reset();
  archiver_.reset();
}

Result<> ArchiveJob::Run() {
  began_ = steady_clock::now();
  began_at_ = std::chrono::system_clock::now();
  Result<> done = Work();
  End(done);
  return done;
}

Result<> ArchiveJob::Work() {
  const std::stop_token& stop = common_.context.stop;
  const auto flags = ParseArchiveFlags(wish_.arguments);
  if (!flags) return flags.Failure();
  auto capture_options = CaptureOptionsFrom(*flags, Absolute(wish_.source));
  if (!capture_options) return capture_options.Failure();
  const auto presign = PresignFrom(*flags);
  if (!presign) return presign.Failure();

  auto store = OpenStore(wish_.to, flags->store);
  if (!store) return store.Failure();
  store_ = std::move(*store);
  const std::string& root = store_->root();
  if (presign->count() > 0) {
    const auto url = store_->PresignedUrl("frame.jpg", *presign,
                                          std::chrono::system_clock::now());
    if (!url) return url.Failure("--presign " + flags->presign);
  }
  const auto earlier = FindTask();
  if (!earlier) return earlier.Failure();
  const auto usable = store_->Check(stop);
  // A camera whose spool is here goes on, whatever the network does.
  if (!usable && !(*earlier && MayTryAgain(usable.error()))) {
    return usable.Failure();
  }

  settings_.name = *earlier              ? (*earlier)->settings.name
                   : flags->task.empty() ? TaskNameFor(root)
                                         : flags->task;
  settings_.source = capture_options->source;
  settings_.root = root;
  settings_.arguments = wish_.arguments;
  settings_.created = *earlier ? (*earlier)->settings.created : began_at_;
  const Tasks tasks(common_.context.paths.archives());
  settings_.spool =
      !flags->spool.empty() ? fs::absolute(flags->spool)
      : *earlier            ? (*earlier)->settings.spool
                 : fs::absolute(tasks.FolderOf(settings_.name)) / "spool";
  if (*earlier && settings_.spool != (*earlier)->settings.spool) {
    return Fail(ErrorCode::kFailedPrecondition,
                "the spool of task " + settings_.name + " is " +
                    (*earlier)->settings.spool.string() +
                    ": leave --spool out, or remove the task first");
  }

  auto capture = Capture::Open(*capture_options, &common_.models, stop);
  // Among others a camera may come later.
  const bool awaited = !capture && !wish_.camera.empty() &&
                       MayTryAgain(capture.error()) &&
                       IsCamera(settings_.source);
  // What waits from before is stored all the same.
  if (!capture && !*earlier && !awaited) return capture.Failure();
  const bool live = awaited || (capture && (*capture)->input().live);
  if (common_.context.json) {
    lines_ = std::make_unique<ArchiveLines>(
        ArchiveLineFormat{true, flags->group, *presign}, *store_,
        [this](const std::string& line) {
          common_.print(wish_.camera.empty()
                            ? line
                            : "{\"camera\":" + JsonText(wish_.camera) + "," +
                                  line.substr(1));
        });
  }
  if (auto opened = OpenArchiver(*flags, live); !opened) return opened;

  if (awaited) capture = AwaitCamera(*capture_options, capture.error());
  if (capture) {
    const std::lock_guard lock(mutex_);
    capture_ = std::move(*capture);
  } else {
    Result<> stored = archiver_->WaitUntilDelivered(stop);
    Result<> finished = FinishWithoutEnd();
    if (!stored) return stored;
    return finished ? capture.Failure() : finished;
  }
  CaptureBefore before;
  bool resumed = false;
  if (*earlier && !live && (*earlier)->settings.source == settings_.source) {
    if (auto stored = archiver_->WaitUntilDelivered(stop); !stored) {
      // The manifest of what is stored, too.
      return archiver_->Finish(stop);
    }
    const auto last = archiver_->status().last;
    if (wish_.resume && last && last->end) return FinishWithoutEnd();
    const auto found = FindBefore();
    if (!found) return found.Failure();
    before = *found;
    resumed = before.through.has_value();
  }
  const auto spool = ArchiverOptionsFrom(*flags);
  if (!spool) return spool.Failure();
  // The first new frame would not fit, and nothing would ever be stored.
  if (live && *earlier && (*earlier)->status &&
      spool->spool_full == ArchiverOptions::SpoolFull::kStop &&
      (*earlier)->status->archive.spool_bytes >
          spool->spool.max_bytes / 8 * 7) {
    if (auto stored = archiver_->WaitUntilDelivered(stop); !stored) {
      return archiver_->Finish(stop);
    }
  }
  archiver_->BeginRun(resumed);
  const Result<> captured = capture_->Run(*archiver_, stop, before);
  if (captured || captured.error().code == ErrorCode::kCancelled) {
    Result<> finished = archiver_->Finish(stop);
    return finished ? captured : finished;
  }
  // A full spool does not become emptier by waiting for a store that is away.
  if (captured.error().code != ErrorCode::kResourceExhausted) {
    Result<> stored = archiver_->WaitUntilDelivered(stop);
    Result<> finished = FinishWithoutEnd();
    if (!stored) return stored;
    return finished ? captured : finished;
  }
  if (Result<> finished = FinishWithoutEnd(); !finished) return finished;
  return Fail(captured.error().code,
              captured.error().message +
                  "; what is in it is stored by ocelli archive resume " +
                  settings_.name);
}

Result<std::unique_ptr<Capture>> ArchiveJob::AwaitCamera(
    const CaptureOptions& options, const Error& first) const {
  constexpr std::chrono::milliseconds kFirstWait{1'000}, kLastWait{30'000};
  const std::stop_token& stop = common_.context.stop;
  Log(LogLevel::kWarning, "a camera does not answer; it is tried again",
      {{"task", settings_.name}, {"error", first.message}});
  std::mt19937 random(std::random_device{}());
  for (int attempt = 1;; ++attempt) {
    SleepFor(BackoffBefore(attempt, kFirstWait, kLastWait,
                           std::generate_canonical<double, 53>(random)),
             stop);
    auto capture = Capture::Open(options, &common_.models, stop);
    if (capture || !MayTryAgain(capture.error())) return capture;
  }
}

Result<> ArchiveJob::FinishWithoutEnd() {
  std::stop_source stopped;
  stopped.request_stop();
  Result<> finished = archiver_->Finish(stopped.get_token());
  if (!finished && finished.error().code == ErrorCode::kCancelled) return {};
  return finished;
}

Result<std::optional<Task>> ArchiveJob::FindTask() const {
  const auto tasks = Tasks(common_.context.paths.archives()).List();
  if (!tasks) return tasks.Failure();
  for (const Task& task : *tasks) {
    if (task.settings.root == store_->root()) return task;
  }
  return std::nullopt;
}

Result<> ArchiveJob::OpenArchiver(const ArchiveFlags& flags, bool live) {
  auto options = ArchiverOptionsFrom(flags);
  if (!options) return options.Failure();
  options->name = settings_.name;
  options->live = live;
  options->on_lines = [this](std::span<const ManifestLine> lines) {
    ListLines(lines);
  };
  // Before anything is changed: another process may run the task.
  auto folder = OpenSpoolFolder(settings_.spool);
  if (!folder) return folder.Failure("task " + settings_.name);
  const Tasks tasks(common_.context.paths.archives());
  if (auto saved = tasks.Save(settings_); !saved) return saved;
  {
    const std::lock_guard lock(mutex_);
    saved_ = true;
  }
  SaveStatus();
  auto archiver =
      Archiver::Open(*std::move(options), *std::move(folder), *store_,
                     common_.budget, common_.metrics, common_.context.stop);
  if (!archiver) return archiver.Failure();
  const std::lock_guard lock(mutex_);
  archiver_ = std::move(*archiver);
  return {};
}

// What the run that did not end has archived.
Result<CaptureBefore> ArchiveJob::FindBefore() {
  CaptureBefore before;
  const auto last = archiver_->status().last;
  if (!last || last->end) return before;
  before.through = last->frame.pts;
  const auto read = ReadLocalLines(
      settings_.spool.string(), [&](const ManifestLine& line) -> Result<> {
        if (!line.end && line.frame.run == last->frame.run) ++before.frames;
        return {};
      });
  if (!read) return read.Failure();
  return before;
}

void ArchiveJob::ListLines(std::span<const ManifestLine> lines) {
  std::uint64_t frames = 0;
  for (const ManifestLine& line : lines) {
    if (line.end) continue;
    ++frames;
    if (!lines_) continue;
    const auto listed = lines_->Add(line, std::chrono::system_clock::now());
    if (!listed) {
      Log(LogLevel::kError, "a frame is not listed",
          {{"task", settings_.name}, {"reason", listed.error().message}});
    }
  }
  if (lines_) std::fflush(stdout);
  if (frames == 0) return;
  const std::lock_guard lock(mutex_);
  frames_ += frames;
  listed_ = steady_clock::now();
}

void ArchiveJob::End(const Result<>& done) {
  if (lines_) lines_->Flush();
  {
    const std::lock_guard lock(mutex_);
    ended_ = steady_clock::now();
    using State = TaskStatus::State;
    state_ = done                                         ? State::kFinished
             : done.error().code == ErrorCode::kCancelled ? State::kStopped
                                                          : State::kFailed;
    if (!done) error_ = done.error().message;
  }
  SaveStatus();
  // Lets go of the spool, so that others see that it has ended.
  std::optional<ArchiveProgress> last = progress();
  std::unique_ptr<Archiver> archiver;
  std::unique_ptr<Capture> capture;
  const std::lock_guard lock(mutex_);
  last_ = std::move(last);
  capture = std::move(capture_);
  archiver = std::move(archiver_);
}

ArchiveProgress ArchiveJob::progress() const {
  const std::lock_guard lock(mutex_);
  if (last_) return *last_;
  ArchiveProgress progress;
  if (saved_) {
    progress.task = settings_.name;
    progress.root = settings_.root;
  }
  if (archiver_) progress.archive = archiver_->status();
  if (capture_) progress.capture = capture_->status();
  progress.frames = frames_;
  progress.began = archiver_ != nullptr;
  progress.ended = ended_.has_value();
  progress.seconds = Seconds(ended_.value_or(steady_clock::now()) - began_);
  if (listed_ && progress.capture.first_taken) {
    progress.first_taken_to_listed_ms =
        Seconds(*listed_ - *progress.capture.first_taken) * 1000;
  }
  return progress;
}

void ArchiveJob::SaveStatus() const {
  TaskStatus status;
  {
    const std::lock_guard lock(mutex_);
    if (!saved_ || last_) return;
    status.state = state_;
    status.error = state_ == TaskStatus::State::kFailed ? error_ : "";
    if (archiver_) status.archive = archiver_->status();
  }
  status.process = getpid();
  status.started = began_at_;
  status.updated = std::chrono::system_clock::now();
  const auto saved = Tasks(common_.context.paths.archives())
                         .SaveStatus(settings_.name, status);
  if (!saved) {
    Log(LogLevel::kWarning, "a task's status is not saved",
        {{"task", settings_.name}, {"reason", saved.error().message}});
  }
}

}  // namespace ocelli
