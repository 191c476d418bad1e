#include "cli/archive_watch.h"

#include <unistd.h>

#include <cstdio>
#include <string>

#include "cli/progress.h"
#include "core/sleep.h"

namespace ocelli {
namespace {

using std::chrono::steady_clock;

std::string StatusLine(const ArchiveJob& job, const UploadBudget& budget,
                       double fps) {
  const ArchiveProgress progress = job.progress();
  const ArchiveStatus& archive = progress.archive;
  std::string line = job.wish().camera;
  if (!line.empty()) line += "  ";
  if (!progress.began) return line + "opening";
  char text[200];
  std::snprintf(text, sizeof(text),
                "%.0f s  %llu frames  %.1f fps  %llu waiting  %d of %d uploads",
                progress.seconds,
                static_cast<unsigned long long>(progress.frames), fps,
                static_cast<unsigned long long>(archive.waiting),
                archive.in_flight, budget.limit());
  line += text;
  const auto also = [&](std::uint64_t count, const char* what) {
    if (count > 0) line += "  " + std::to_string(count) + " " + what;
  };
  also(archive.dropped, "dropped");
  also(progress.capture.late, "late");
  also(archive.retries, "retries");
  if (!archive.trouble.empty()) line += "  " + archive.trouble;
  return line;
}

}  // namespace

ArchiveWatch::ArchiveWatch(std::span<const std::unique_ptr<ArchiveJob>> jobs,
                           const UploadBudget& budget, bool show)
    : jobs_(jobs),
      budget_(budget),
      show_(show && isatty(STDERR_FILENO) == 1),
      last_frames_(jobs.size(), 0),
      last_drawn_(steady_clock::now()),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

ArchiveWatch::~ArchiveWatch() {
  thread_.request_stop();
  thread_.join();
  Erase();
}

void ArchiveWatch::Run(const std::stop_token& stop) {
  for (int tick = 1;; ++tick) {
    if (!SleepFor(std::chrono::milliseconds(500), stop)) return;
    if (show_) Draw();
    if (tick % 2 != 0) continue;
    for (const auto& job : jobs_) {
      if (!job->progress().ended) job->SaveStatus();
    }
  }
}

void ArchiveWatch::Draw() {
  const auto now = steady_clock::now();
  const double seconds =
      std::chrono::duration<double>(now - last_drawn_).count();
  last_drawn_ = now;
  Erase();
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    const std::uint64_t frames = jobs_[i]->progress().frames;
    const double fps = static_cast<double>(frames - last_frames_[i]) / seconds;
    last_frames_[i] = frames;
    std::string line = StatusLine(*jobs_[i], budget_, fps);
    // One that wraps could not be redrawn.
    line.resize(std::min(line.size(), TerminalWidth() - 1));
    std::fprintf(stderr, "%s\n", line.c_str());
  }
  lines_ = jobs_.size();
  std::fflush(stderr);
}

void ArchiveWatch::Erase() {
  for (; lines_ > 0; --lines_) std::fputs("\033[A\033[2K", stderr);
}

}  // namespace ocelli
