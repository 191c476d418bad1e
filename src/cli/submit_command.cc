// ocelli submit: images to the workers, and their results back, in order.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "cli/command.h"
#include "cli/job_feed.h"
#include "cli/job_results.h"
#include "cli/jobs_flags.h"
#include "cli/json_output.h"
#include "cli/progress.h"
#include "core/sleep.h"

namespace ocelli {
namespace {

struct SubmitFlags {
  std::vector<std::string> sources;
  JobsFlags jobs;
  JobResultFlags results;
  std::uint64_t max_value = JobQueueOptions{}.max_value_bytes;
  bool no_wait = false;
};

// The command that shows what is still to come.
std::string GoOn(const SubmitFlags& flags, const std::string& batch,
                 std::uint64_t next) {
  return "ocelli jobs wait " + batch +
         (next > 0 ? " --from " + std::to_string(next) : "") +
         GroupArgument(flags.jobs);
}

// Results as they come, from the first on; jobs that the queue lost go in once
// more. Returns the index after the last one.
Result<std::uint64_t> PrintAll(JobQueue& queue, const std::string& batch,
                               JobFeed& feed, JobResults& results,
                               Progress& progress, std::uint64_t& next,
                               const std::stop_token& stop) {
  std::uint64_t given_again = ~std::uint64_t{0};
  while (true) {
    auto end = queue.Await(
        batch, next,
        [&](const JobResult& result) -> Result<> {
          results.Print(result, progress);
          next = result.index + 1;
          progress.Set(next, feed.found());
          return {};
        },
        stop);
    if (end || end.error().code != ErrorCode::kDataLoss ||
        given_again == next) {
      return end;
    }
    given_again = next;
    const auto again = feed.SubmitAgain(next, stop);
    if (!again) return again.Failure();
  }
}

void Wait(const SubmitFlags& flags, JobQueue& queue, const std::string& batch,
          JobResults& results, CommandContext& context) {
  const auto begin = std::chrono::steady_clock::now();
  // Ends the waiting when what is submitted can't be completed.
  std::stop_source ended;
  const std::stop_callback stop(context.stop, [&] { ended.request_stop(); });
  Result<> fed;
  std::uint64_t next = 0;
  std::uint64_t submitted = 0;
  std::uint64_t left_out = 0;
  Result<std::uint64_t> end = 0;
  {
    Progress progress("recognizing", 0, "images");
    JobFeed feed(queue, batch, flags.sources, [&](const Error& error) {
      progress.Say("ocelli: " + error.message);
    });
    {
      std::jthread feeding([&] {
        fed = feed.Run(context.stop);
        if (!fed) ended.request_stop();
      });
      end = PrintAll(queue, batch, feed, results, progress, next,
                     ended.get_token());
    }
    submitted = feed.submitted();
    left_out = feed.failed();
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
          .count();
  const std::uint64_t failed = results.totals().failed + left_out;
  if (submitted == 0) {
    // Nothing of it is worth keeping.
    if (const auto purged = queue.Purge(batch); !purged) {
      context.Fail(purged.error());
    }
  }
  if (context.stop.stop_requested()) {
    PrintError("stopped with the results of " + std::to_string(next) + " of " +
               std::to_string(submitted) + " submitted images; " +
               (submitted > next
                    ? "the workers go on, and " + GoOn(flags, batch, next) +
                          " shows the rest"
                    : "nothing is lost"));
    context.exit_code = kExitInterrupted;
    return;
  }
  if (!fed || !end) {
    context.Fail(fed ? end.error() : fed.error());
    PrintError("batch " + batch + " has " + std::to_string(submitted) +
               " images: " + GoOn(flags, batch, next) +
               " shows what becomes of them");
    return;
  }
  if (results.totals().images > 1) {
    std::fprintf(stderr, "%s; %.1f s\n", results.Summary().c_str(), seconds);
  }
  if (failed > 0) context.exit_code = kExitSomeFailed;
}

void SubmitOnly(const SubmitFlags& flags, JobQueue& queue,
                const std::string& batch, CommandContext& context) {
  Result<> fed;
  std::uint64_t submitted = 0;
  {
    Progress progress("submitting", 0, "images");
    JobFeed feed(queue, batch, flags.sources, [&](const Error& error) {
      progress.Say("ocelli: " + error.message);
      context.exit_code = kExitSomeFailed;
    });
    std::jthread drawing([&](const std::stop_token& stop) {
      while (SleepFor(std::chrono::milliseconds(200), stop)) {
        progress.Set(feed.submitted(), feed.found());
      }
    });
    fed = feed.Run(context.stop);
    submitted = feed.submitted();
  }
  if (submitted == 0) {
    if (const auto purged = queue.Purge(batch); !purged) {
      context.Fail(purged.error());
    }
    if (!fed) return context.Fail(fed.error());
    return;
  }
  if (!fed) context.Fail(fed.error());
  Report(context,
         {{"batch", batch}, {"group", flags.jobs.group}, {"images", submitted}},
         batch);
  if (!context.json) {
    std::fprintf(stderr, "%llu images submitted; %s shows the results\n",
                 static_cast<unsigned long long>(submitted),
                 GoOn(flags, batch, 0).c_str());
  }
  if (context.stop.stop_requested()) {
    PrintError("stopped: the rest was not submitted");
    context.exit_code = kExitInterrupted;
  }
}

void Submit(const SubmitFlags& flags, CommandContext& context) {
  JobQueueOptions options;
  options.max_value_bytes = flags.max_value;
  const auto jobs = OpenJobs(context, flags.jobs, PatientRedis(), options);
  if (!jobs) return context.Fail(jobs.error());
  const auto results = JobResults::Open(context, flags.results);
  if (!results) return context.Fail(results.error());
  const auto batch = jobs->queue->Begin(flags.sources.front());
  if (!batch) return context.Fail(batch.error());
  if (flags.no_wait) return SubmitOnly(flags, *jobs->queue, *batch, context);
  Wait(flags, *jobs->queue, *batch, **results, context);
}

}  // namespace

void AddSubmitCommand(CLI::App& app, CommandContext& context) {
  auto flags = std::make_shared<SubmitFlags>();
  CLI::App* command = app.add_subcommand(
      "submit", "Find faces in photos on other machines: ocelli worker");
  command->footer(R"(Examples:
  ocelli submit album/ --redis redis://10.0.0.1 --json    as ocelli recognize
  ocelli submit s3://bucket/cam1/ --no-wait               prints a batch id
  ocelli submit https://example.org/a.jpg --group mall-north

Files travel through Redis; of s3:// and https:// only the address does, and the
workers fetch them with credentials of their own. Ctrl-C ends the waiting, not
the work: ocelli jobs wait goes on.)");
  command
      ->add_option("source", flags->sources,
                   "Photos, folders of them, s3://BUCKET/PREFIX/, "
                   "s3://BUCKET/KEY, https://...")
      ->required();
  command->add_flag("--no-wait", flags->no_wait,
                    "Print the batch's id instead of results");
  command
      ->add_option("--max-value", flags->max_value,
                   "Largest file, in bytes, that travels through Redis")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{256} << 20))
      ->capture_default_str();
  AddJobsFlags(*command, flags->jobs);
  AddJobResultFlags(*command, flags->results);
  command->callback([flags, &context] { Submit(*flags, context); });
}

}  // namespace ocelli
