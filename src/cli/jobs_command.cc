// ocelli jobs list, status, wait, retry, dead, purge.

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/command.h"
#include "cli/job_results.h"
#include "cli/jobs_flags.h"
#include "cli/json_output.h"
#include "cli/progress.h"
#include "core/utc_time.h"

namespace ocelli {
namespace {

using Json = nlohmann::ordered_json;

struct JobsCommandFlags {
  JobsFlags jobs;
  JobResultFlags results;
  std::string batch;
  std::uint64_t from = 0;
  std::size_t max_dead = 100;
};

const char* StateOf(const BatchStatus& status) {
  if (!status.complete) return "submitting";
  return status.done < status.submitted ? "running" : "done";
}

Json BatchJson(const BatchStatus& status) {
  return {{"batch", status.batch},
          {"group", status.group},
          {"state", StateOf(status)},
          {"submitted", status.submitted},
          {"done", status.done},
          {"failed", status.failed},
          {"created", UtcText(status.created)}};
}

std::string BatchText(const BatchStatus& status) {
  return status.batch + "  " + StateOf(status) + "  " +
         std::to_string(status.done) + " of " +
         std::to_string(status.submitted) + " done, " +
         std::to_string(status.failed) + " failed  " + UtcText(status.created);
}

Json QueueJson(const QueueStatus& status) {
  return {{"group", status.group}, {"waiting", status.waiting},
          {"taken", status.taken}, {"delayed", status.delayed},
          {"dead", status.dead},   {"workers", status.workers}};
}

std::string QueueText(const QueueStatus& status) {
  std::string text = "group " + Printable(status.group) + ": " +
                     std::to_string(status.waiting) + " waiting, " +
                     std::to_string(status.taken) + " in hand, " +
                     std::to_string(status.delayed) + " to be tried again, " +
                     std::to_string(status.dead) + " dead; " +
                     std::to_string(status.workers.size()) + " workers";
  for (const std::string& worker : status.workers) {
    text += "\n  " + Printable(worker);
  }
  return text;
}

void List(const JobsCommandFlags& /*flags*/, JobQueue& queue,
          CommandContext& context) {
  const auto batches = queue.Batches();
  if (!batches) return context.Fail(batches.error());
  for (const BatchStatus& batch : *batches) {
    Report(context, BatchJson(batch), BatchText(batch));
  }
  if (batches->empty() && !context.json) {
    std::fputs("ocelli: no batches; ocelli submit album/\n", stderr);
  }
}

void Status(const JobsCommandFlags& flags, JobQueue& queue,
            CommandContext& context) {
  if (flags.batch.empty()) {
    const auto status = queue.Status();
    if (!status) return context.Fail(status.error());
    return Report(context, QueueJson(*status), QueueText(*status));
  }
  const auto status = queue.Batch(flags.batch);
  if (!status) return context.Fail(status.error());
  Report(context, BatchJson(*status), BatchText(*status));
}

void Wait(const JobsCommandFlags& flags, JobQueue& queue,
          CommandContext& context) {
  const auto results = JobResults::Open(context, flags.results);
  if (!results) return context.Fail(results.error());
  const auto status = queue.Batch(flags.batch);
  if (!status) return context.Fail(status.error());
  std::uint64_t next = flags.from;
  Result<std::uint64_t> end = 0;
  {
    Progress progress("waiting", status->submitted, "images");
    progress.Set(next, status->submitted);
    end = queue.Await(
        flags.batch, flags.from,
        [&](const JobResult& result) -> Result<> {
          (*results)->Print(result, progress);
          next = result.index + 1;
          progress.Set(next, std::max(status->submitted, next));
          return {};
        },
        context.stop);
  }
  const std::string go_on = "ocelli jobs wait " + flags.batch + " --from " +
                            std::to_string(next) + GroupArgument(flags.jobs);
  if (context.stop.stop_requested()) {
    PrintError("stopped; " + go_on + " shows the rest");
    context.exit_code = kExitInterrupted;
    return;
  }
  if (!end) {
    context.Fail(end.error());
    if (end.error().code != ErrorCode::kDataLoss) {
      PrintError(go_on + " goes on");
    }
    return;
  }
  if ((*results)->totals().images > 1) {
    std::fprintf(stderr, "%s\n", (*results)->Summary().c_str());
  }
  if ((*results)->totals().failed > 0) context.exit_code = kExitSomeFailed;
}

void Retry(const JobsCommandFlags& flags, JobQueue& queue,
           CommandContext& context) {
  const auto again = queue.Retry(flags.batch);
  if (!again) return context.Fail(again.error());
  Report(context, {{"batch", flags.batch}, {"again", *again}},
         std::to_string(*again) + " jobs of " + flags.batch +
             " are to be done again");
}

void Dead(const JobsCommandFlags& flags, JobQueue& queue,
          CommandContext& context) {
  const auto dead = queue.Dead(flags.max_dead);
  if (!dead) return context.Fail(dead.error());
  for (const DeadJob& job : *dead) {
    Report(context,
           {{"batch", job.job.batch},
            {"index", job.job.index},
            {"name", job.job.name},
            {"attempts", job.attempts},
            {"reason", job.reason}},
           Printable(job.job.batch) + " " + std::to_string(job.job.index) +
               "  " + ShownJobName(job.job.name) + ": " +
               Printable(job.reason) + " (tried " +
               std::to_string(job.attempts) +
               (job.attempts == 1 ? " time)" : " times)"));
  }
}

void Purge(const JobsCommandFlags& flags, JobQueue& queue,
           CommandContext& context) {
  const auto purged = queue.Purge(flags.batch);
  if (!purged) return context.Fail(purged.error());
  Report(context, {{"purged", *purged}},
         std::to_string(*purged) +
             (*purged == 1 ? " batch is gone" : " batches are gone"));
}

}  // namespace

void AddJobsCommand(CLI::App& app, CommandContext& context) {
  auto flags = std::make_shared<JobsCommandFlags>();
  CLI::App* jobs =
      app.add_subcommand("jobs", "What was submitted, and what became of it");
  jobs->require_subcommand(1);
  jobs->footer(R"(Examples:
  ocelli jobs list                 batches, the newest first
  ocelli jobs status               what is waiting, and who works
  ocelli jobs wait BATCH --json    its results, in order, as they come
  ocelli jobs dead                 what could not be done, and why
  ocelli jobs retry BATCH          its failed jobs once more
  ocelli jobs purge                forgets finished batches)");
  const auto verb =
      [&](const char* name, const char* help,
          void (*work)(const JobsCommandFlags&, JobQueue&, CommandContext&)) {
        CLI::App* command = jobs->add_subcommand(name, help);
        AddJobsFlags(*command, flags->jobs);
        command->callback([flags, &context, work] {
          const auto opened = OpenJobs(context, flags->jobs, PatientRedis());
          if (!opened) return context.Fail(opened.error());
          work(*flags, *opened->queue, context);
        });
        return command;
      };
  const auto batch = [&](CLI::App* command) {
    return command->add_option("BATCH", flags->batch,
                               "As ocelli submit or list names it");
  };
  verb("list", "The batches of a group", List);
  batch(verb("status", "How far a batch is; without one, the queue", Status));
  CLI::App* wait = verb("wait", "The results of a batch, in order", Wait);
  batch(wait)->required();
  wait->add_option("--from", flags->from,
                   "Begin with this result; the first is 0");
  AddJobResultFlags(*wait, flags->results);
  batch(verb("retry", "Do the failed jobs of a batch again", Retry))
      ->required();
  verb("dead", "Jobs that failed for good, the newest first", Dead)
      ->add_option("--max", flags->max_dead, "How many of them")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  batch(verb("purge",
             "Forget a batch; without one, all that are done and all dead jobs",
             Purge));
}

}  // namespace ocelli
