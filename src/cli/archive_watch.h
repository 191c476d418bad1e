#pragma once

#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "archive/upload_budget.h"
#include "cli/archive_job.h"

namespace ocelli {

// Until it is destroyed: twice a second a line for each job on a terminal, and
// every second their tasks' status.
class ArchiveWatch {
 public:
  // What it is given outlives it.
  ArchiveWatch(std::span<const std::unique_ptr<ArchiveJob>> jobs,
               const UploadBudget& budget, bool show);
  ~ArchiveWatch();
  ArchiveWatch(const ArchiveWatch&) = delete;
  ArchiveWatch& operator=(const ArchiveWatch&) = delete;

 private:
  void Run(const std::stop_token& stop);
  void Draw();
  void Erase();

  const std::span<const std::unique_ptr<ArchiveJob>> jobs_;
  const UploadBudget& budget_;
  const bool show_;
  std::vector<std::uint64_t> last_frames_;
  std::chrono::steady_clock::time_point last_drawn_;
  std::size_t lines_ = 0;  // On the terminal.
  std::jthread thread_;    // Last: uses all of the above.
};

}  // namespace ocelli
