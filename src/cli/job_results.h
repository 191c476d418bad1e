#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/gallery_flags.h"
#include "cli/progress.h"
#include "core/result.h"
#include "faces/gallery.h"
#include "jobs/job_queue.h"
#include "recognize/analysis.h"

namespace ocelli {

// How results of jobs are shown.
struct JobResultFlags {
  AnalysisJsonOptions json;
  IdentifyOptions identify;
  std::string describer;
  GalleryFlags gallery;  // AddGalleryFlags().
};

void AddJobResultFlags(CLI::App& command, JobResultFlags& flags);

// Results of jobs as they are printed: as `ocelli recognize` does it, with the
// people of the gallery. Not thread-safe.
class JobResults {
 public:
  // `context` outlives it.
  static Result<std::unique_ptr<JobResults>> Open(const CommandContext& context,
                                                  const JobResultFlags& flags);

  // An error of a job is printed and counted, too.
  void Print(const JobResult& result, Progress& progress);

  struct Totals {
    std::uint64_t images = 0;
    std::uint64_t faces = 0;
    std::uint64_t known = 0;
    std::uint64_t failed = 0;
  };
  const Totals& totals() const { return totals_; }
  // "12 images, 30 faces, 4 of them known; 1 failed".
  std::string Summary() const;

 private:
  JobResults(const CommandContext& context, const JobResultFlags& flags,
             std::unique_ptr<Gallery> gallery);
  Result<std::string> Line(const JobResult& result);

  const CommandContext& context_;
  const JobResultFlags flags_;
  const std::unique_ptr<Gallery> gallery_;  // Null: nobody enrolled.
  Totals totals_;
};

// What a name of a job may look like in messages: an address without what may
// be a key in it.
std::string ShownJobName(const std::string& name);

}  // namespace ocelli
