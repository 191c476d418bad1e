// ocelli worker: does what others submit.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>

#include "cli/command.h"
#include "cli/engine.h"
#include "cli/job_results.h"
#include "cli/jobs_flags.h"
#include "cli/json_output.h"
#include "cli/progress.h"
#include "cli/queue_watch.h"
#include "recognize/job_worker.h"
#include "recognize/recognition_work.h"
#include "recognize/referenced_images.h"

namespace ocelli {
namespace {

struct WorkerFlags {
  JobsFlags jobs;
  FaceFlags faces;
  std::size_t batch = JobWorkerOptions{}.batch;
  double takeover =
      std::chrono::duration<double>(JobQueueOptions{}.takeover).count();
  bool allow_private = false;
  std::string metrics;
};

// Unlike any other's: machine, process, and something by chance, because
// containers number their processes alike.
std::string WorkerName() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  std::string name(host.data());
  for (char& c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       (c >= '0' && c <= '9') || c == '-' || c == '.';
    if (!plain) c = '-';
  }
  std::random_device random;
  char rest[48];
  std::snprintf(rest, sizeof(rest), "-%ld-%04x", static_cast<long>(getpid()),
                random() & 0xffffu);
  return name + rest;
}

nlohmann::ordered_json JobJson(const WorkedJob& worked) {
  const Job& job = worked.job.job;
  nlohmann::ordered_json json = {{"batch", job.batch},
                                 {"index", job.index},
                                 {"name", job.name},
                                 {"attempt", worked.job.attempt}};
  if (worked.error) {
    json["error"] = worked.error->message;
  } else {
    json["cached"] = worked.cached;
  }
  json["ms"] = std::round(worked.seconds * 1e4) / 10;
  return json;
}

void Work(const WorkerFlags& flags, CommandContext& context) {
  context.ends_by_stop = true;
  const auto address = JobsAddress(context, flags.jobs);
  if (!address) return context.Fail(address.error());
  JobQueueOptions queue_options;
  queue_options.takeover =
      std::chrono::milliseconds(std::llround(flags.takeover * 1000));
  MetricsRegistry metrics;
  const auto jobs = OpenJobs(context, flags.jobs, {}, queue_options, &metrics);
  if (!jobs) return context.Fail(jobs.error());
  // Who shares the work shares the results.
  FaceFlags faces = flags.faces;
  auto cache = CacheAddress(context, faces.cache);
  if (!cache) return context.Fail(cache.error());
  faces.cache = cache->empty() ? *address : *cache;
  const auto engine = Engine::Open(context, faces);
  if (!engine) return context.Fail(engine.error());
  // Otherwise every job would tell that a model is missing here.
  if (const auto ready = (*engine)->recognizer().Prepare(); !ready) {
    return context.Fail(ready.error());
  }
  ReferencedImagesOptions referenced;
  referenced.allow_private = flags.allow_private;
  referenced.stop = context.stop;
  ReferencedImages images(referenced);

  JobWorkerOptions options;
  options.name = WorkerName();
  options.threads = JobCount(flags.faces.jobs, 256);
  options.batch = flags.batch;
  options.renew_every = queue_options.takeover / 4;
  std::fprintf(stderr,
               "worker %s: group %s at %s, %d at a time; Ctrl-C ends it\n",
               options.name.c_str(), flags.jobs.group.c_str(),
               jobs->redis->url().ForMessage().c_str(), options.threads);
  JobWorkerTotals totals;
  {
    Progress progress("working", 0, "images");
    const QueueWatch watch(*jobs->queue, metrics, flags.metrics);
    JobWorker worker(
        *jobs->queue,
        RecognitionWork((*engine)->recognizer(), (*engine)->cache(), images),
        options, &metrics, [&](const WorkedJob& worked) {
          if (context.json) {
            progress.Print(JsonText(JobJson(worked)));
            std::fflush(stdout);
          } else if (worked.error) {
            progress.Say("ocelli: " + ShownJobName(worked.job.job.name) + ": " +
                         Printable(worked.error->message));
          }
          progress.Advance();
        });
    totals = worker.Run(context.stop);
  }
  std::fprintf(stderr,
               "%llu images done, %llu of them known already; %llu failed, "
               "%llu handed back\n",
               static_cast<unsigned long long>(totals.done),
               static_cast<unsigned long long>(totals.cached),
               static_cast<unsigned long long>(totals.failed),
               static_cast<unsigned long long>(totals.returned));
}

}  // namespace

void AddWorkerCommand(CLI::App& app, CommandContext& context) {
  auto flags = std::make_shared<WorkerFlags>();
  CLI::App* command = app.add_subcommand(
      "worker", "Do what others submit: ocelli submit. As many as wanted");
  command->footer(R"(Examples:
  ocelli worker --redis redis://10.0.0.1
  ocelli worker --group mall-north                 its Redis: redis.groups.mall-north
  ocelli worker --redis redis+cluster://10.0.0.1,10.0.0.2 --json --metrics worker.prom

Ctrl-C or SIGTERM ends it: what it is at is finished, the rest handed back.
Results are kept in the same Redis unless --cache says otherwise. Of s3:// it reads with this machine's credentials (AWS_ACCESS_KEY_ID, ...).)");
  AddJobsFlags(*command, flags->jobs);
  command
      ->add_option("--batch", flags->batch,
                   "Images in its hands at most; what a worker that is killed "
                   "holds is done by others")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command
      ->add_option("--takeover", flags->takeover,
                   "Seconds after which a worker that says nothing loses its "
                   "images to others; the same for all workers of a group")
      ->check(CLI::Range(1.0, 3600.0))
      ->capture_default_str();
  command->add_flag("--allow-private", flags->allow_private,
                    "Fetch https:// and http:// from private networks and this "
                    "machine too, and through proxies");
  command->add_option("--metrics", flags->metrics,
                      "Keep figures in this file, in Prometheus' text format");
  AddFaceFlags(*command, flags->faces);
  command->callback([flags, &context] { Work(*flags, context); });
}

}  // namespace ocelli
