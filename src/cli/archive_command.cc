// ocelli archive: the frames of cameras and videos into object storage.

#include <malloc.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "cli/archive_config.h"
#include "cli/archive_job.h"
#include "cli/archive_setup.h"
#include "cli/archive_watch.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "media/video_source.h"

namespace ocelli {
namespace {

using Json = nlohmann::ordered_json;

struct CommandFlags {
  std::string source;
  std::string to;
  std::string config;
  ArchiveFlags archive;
};

double Rounded(double value, double per_unit) {
  return std::round(value * per_unit) / per_unit;
}

Json ToJson(const ArchiveJob& job, const Result<>& done) {
  const ArchiveProgress progress = job.progress();
  Json json = Json::object();
  if (!job.wish().camera.empty()) json["camera"] = job.wish().camera;
  json["task"] = progress.task;
  json["source"] = WithoutSecrets(job.wish().source);
  json["archive"] = progress.root;
  json["state"] = done                                         ? "finished"
                  : done.error().code == ErrorCode::kCancelled ? "stopped"
                                                               : "failed";
  if (!done) json["error"] = done.error().message;
  json["frames"] = progress.frames;
  json["stored"] = progress.archive.stored;
  json["bytes"] = progress.archive.bytes;
  json["duplicates"] = progress.archive.duplicates;
  json["dropped"] = progress.archive.dropped;
  json["late"] = progress.capture.late;
  json["damaged"] = progress.capture.damaged;
  json["reconnects"] = progress.capture.reconnects;
  json["retries"] = progress.archive.retries;
  json["waiting"] = progress.archive.waiting;
  json["seconds"] = Rounded(progress.seconds, 1000);
  if (progress.first_taken_to_listed_ms) {
    json["first_taken_to_listed_ms"] =
        Rounded(*progress.first_taken_to_listed_ms, 10);
  }
  if (progress.archive.last) {
    json["head"] = progress.archive.last->chain.ToHex();
  }
  return json;
}

void PrintSummary(const ArchiveJob& job, const Result<>& done, int parallel) {
  const ArchiveProgress progress = job.progress();
  if (!progress.began) return;
  const auto n = [](std::uint64_t count) {
    return static_cast<unsigned long long>(count);
  };
  const ArchiveStatus& archive = progress.archive;
  std::string text(256, '\0');
  const int length = std::snprintf(
      text.data(), text.size(),
      ": %llu frames in %.1f s, %llu stored (%s), %llu duplicates, %llu "
      "retries, up to %d uploads at a time",
      n(progress.frames), progress.seconds, n(archive.stored),
      Megabytes(archive.bytes).c_str(), n(archive.duplicates),
      n(archive.retries), parallel);
  text.resize(static_cast<std::size_t>(length));
  const auto also = [&](std::uint64_t count, const char* what) {
    if (count > 0) text += ", " + std::to_string(count) + " " + what;
  };
  also(archive.dropped, "dropped since the spool was full");
  also(progress.capture.late, "late");
  also(progress.capture.damaged, "damaged");
  also(progress.capture.reconnects, "reconnects");
  std::fprintf(stderr, "%s%s\n", progress.task.c_str(), text.c_str());
  const std::uint64_t waiting =
      archive.waiting + static_cast<std::uint64_t>(archive.in_flight);
  if (!done && done.error().code == ErrorCode::kCancelled) {
    std::fprintf(stderr,
                 "  stopped, %llu frames wait; go on with: ocelli archive "
                 "resume %s\n",
                 n(waiting), progress.task.c_str());
  } else if (done) {
    std::fprintf(stderr,
                 "  ocelli archive results %s, ocelli archive verify %s\n",
                 progress.task.c_str(), progress.root.c_str());
  }
}

// Archives all of it; one that fails does not disturb the others.
void Archive(std::vector<ArchiveWish> wishes, int parallel,
             CommandContext& context) {
  // Each camera has threads, and arenas of their own would each keep what
  // frames leave: a third of the memory of four cameras.
  mallopt(M_ARENA_MAX, 2);
  UploadBudget budget(parallel, SystemClock());
  MetricsRegistry metrics;
  const ModelStore models(context.paths.models());
  std::mutex printing;
  const ArchiveCommon common{context, budget, metrics, models,
                             [&](const std::string& line) {
                               const std::lock_guard lock(printing);
                               std::puts(line.c_str());
                             }};
  std::vector<std::unique_ptr<ArchiveJob>> jobs;
  for (ArchiveWish& wish : wishes) {
    jobs.push_back(std::make_unique<ArchiveJob>(std::move(wish), common));
  }
  std::vector<Result<>> outcomes(jobs.size());
  {
    const ArchiveWatch watch(jobs, budget, !context.json);
    std::vector<std::jthread> running;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      running.emplace_back([&, i] { outcomes[i] = jobs[i]->Run(); });
    }
  }
  Json all = Json::array();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const Result<>& done = outcomes[i];
    if (!done && done.error().code != ErrorCode::kCancelled) {
      Error error = done.error();
      const std::string& camera = jobs[i]->wish().camera;
      if (!camera.empty()) error.message.insert(0, "camera " + camera + ": ");
      context.Fail(error);
    }
    if (context.json) {
      all.push_back(ToJson(*jobs[i], done));
    } else {
      PrintSummary(*jobs[i], done, budget.limit());
    }
  }
  if (!context.json) return;
  Json summary = all.front();
  if (jobs.size() > 1) {
    summary = Json::object();
    for (const char* key :
         {"frames", "stored", "bytes", "duplicates", "dropped", "late",
          "damaged", "reconnects", "retries", "waiting"}) {
      std::uint64_t sum = 0;
      for (const Json& one : all) sum += one[key].get<std::uint64_t>();
      summary[key] = sum;
    }
    summary["cameras"] = std::move(all);
  }
  summary["parallel"] = budget.limit();
  std::puts(JsonText({{"summary", std::move(summary)}}).c_str());
}

void ArchiveOne(const CLI::App& command, const CommandFlags& flags,
                CommandContext& context) {
  const auto arguments = GivenArguments(command, {"--to", "--config"});
  if (flags.config.empty()) {
    if (flags.source.empty() || flags.to.empty()) {
      return context.Fail({ErrorCode::kInvalidArgument,
                           "what is to be archived, and where to? ocelli "
                           "archive SOURCE --to URL"});
    }
    return Archive({{"", flags.source, flags.to, arguments}},
                   flags.archive.parallel, context);
  }
  if (!flags.source.empty() || !flags.to.empty() ||
      !flags.archive.task.empty()) {
    return context.Fail({ErrorCode::kInvalidArgument,
                         "--config says what is archived and where to: leave "
                         "SOURCE, --to and --task out"});
  }
  auto wishes = ReadCameras(flags.config, arguments);
  if (!wishes) return context.Fail(wishes.error());
  int parallel = flags.archive.parallel;
  for (const ArchiveWish& wish : *wishes) {
    // All share one budget: the largest that was asked for.
    const auto own = ParseArchiveFlags(wish.arguments);
    if (own) parallel = std::max(parallel, own->parallel);
  }
  Archive(*std::move(wishes), parallel, context);
}

bool IsUnfinished(const Task& task) {
  return !task.running &&
         !(task.status && task.status->state == TaskStatus::State::kFinished);
}

void Resume(const std::string& name, CommandContext& context) {
  const Tasks tasks(context.paths.archives());
  std::vector<Task> chosen;
  if (name.empty()) {
    auto all = tasks.List();
    if (!all) return context.Fail(all.error());
    std::copy_if(all->begin(), all->end(), std::back_inserter(chosen),
                 IsUnfinished);
    if (chosen.empty()) {
      std::fputs("nothing to resume: every task is finished or runs\n", stderr);
      return;
    }
  } else {
    auto task = tasks.Find(name);
    if (!task) return context.Fail(task.error());
    chosen.push_back(*std::move(task));
  }
  std::vector<ArchiveWish> wishes;
  int parallel = 0;
  for (const Task& task : chosen) {
    const TaskSettings& settings = task.settings;
    wishes.push_back({chosen.size() > 1 ? settings.name : "", settings.source,
                      settings.root, settings.arguments, true});
    const auto flags = ParseArchiveFlags(settings.arguments);
    if (!flags) {
      return context.Fail({flags.error().code, "task " + settings.name + ": " +
                                                   flags.error().message});
    }
    parallel = std::max(parallel, flags->parallel);
  }
  Archive(std::move(wishes), parallel, context);
}

}  // namespace

void AddArchiveCommand(CLI::App& app, CommandContext& context) {
  auto flags = std::make_shared<CommandFlags>();
  CLI::App* command = app.add_subcommand(
      "archive", "Store the frames of cameras and videos, in order and proven");
  command->footer(R"(Examples:
  ocelli archive rtsp://cam/1 --to s3://bucket/cam1 --fps 10
  ocelli archive talk.mp4 --to dir:/srv/frames --limit 50 --json
  ocelli archive --config cameras.toml
  ocelli archive resume
  ocelli archive results cam1 --json
  ocelli archive verify s3://bucket/cam1
  ocelli archive get s3://bucket/cam1 --from 10:00 --to 10:05 -o out.mp4

Sources: a video file, a folder of pictures, rtsp:, rtmp:, http: (HLS or a
file), v4l2:/dev/video0, test:640x480@30. Credentials of S3 come from
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or the profile files.)");
  command->require_subcommand(0, 1);
  command->add_option("SOURCE", flags->source, "Video, folder or URL");
  command
      ->add_option("--to", flags->to,
                   "Where frames go: s3://BUCKET/PREFIX or dir:FOLDER")
      ->type_name("URL");
  command->add_option("--config", flags->config,
                      "Many cameras: a TOML file with a [camera.NAME] each");
  AddArchiveFlags(*command, flags->archive);
  command->callback([command, flags, &context] {
    if (command->get_subcommands().empty()) {
      ArchiveOne(*command, *flags, context);
    }
  });

  auto task = std::make_shared<std::string>();
  CLI::App* resume = command->add_subcommand(
      "resume", "Go on with what was stopped or killed");
  resume->add_option("TASK", *task, "Without it, all that is not finished");
  resume->callback([task, &context] { Resume(*task, context); });
  AddArchiveTaskCommands(*command, context);
  AddArchiveStoreCommands(*command, context);
  AddArchiveGetCommand(*command, context);
}

}  // namespace ocelli
