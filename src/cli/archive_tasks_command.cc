// ocelli archive list, status, wait, stop, results, remove.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "archive/archive_reader.h"
#include "archive/local_lines.h"
#include "archive/task.h"
#include "cli/archive_lines.h"
#include "cli/archive_setup.h"
#include "cli/archive_task_view.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "core/sleep.h"

namespace ocelli {
namespace {

using State = TaskStatus::State;
using std::chrono::system_clock;

constexpr std::chrono::milliseconds kLookEvery{200};

struct TasksFlags {
  std::string task;
  std::uint64_t delivered = 0;
  bool follow = false;
  std::uint64_t from_seq = 0;
  std::uint64_t group = 0;
  bool force = false;
  StoreFlags store;
};

Tasks TasksOf(const CommandContext& context) {
  return Tasks(context.paths.archives());
}

void List(const TasksFlags& /*flags*/, CommandContext& context) {
  const auto tasks = TasksOf(context).List();
  if (!tasks) return context.Fail(tasks.error());
  if (context.json) {
    for (const Task& task : *tasks) std::puts(JsonText(TaskJson(task)).c_str());
  } else if (tasks->empty()) {
    std::fputs("ocelli: no archives yet; ocelli archive SOURCE --to URL\n",
               stderr);
  } else {
    std::puts(TaskTable(*tasks, system_clock::now()).c_str());
  }
}

void Status(const TasksFlags& flags, CommandContext& context) {
  const auto task = TasksOf(context).Find(flags.task);
  if (!task) return context.Fail(task.error());
  Report(context, TaskJson(*task), TaskText(*task, system_clock::now()));
}

// The task once it does not run, or `enough` holds.
template <typename Enough>
Result<Task> WaitFor(const TasksFlags& flags, const CommandContext& context,
                     Enough enough) {
  // A process writes its last status shortly before or after it lets go of the
  // spool.
  int looks_left = 10;
  while (true) {
    auto task = TasksOf(context).Find(flags.task);
    if (!task || enough(*task)) return task;
    const bool ending = StateOf(*task) == "killed" && --looks_left > 0;
    if (!task->running && !ending) return task;
    if (!SleepFor(kLookEvery, context.stop)) {
      return Fail(ErrorCode::kCancelled,
                  "waiting for task " + task->settings.name + ": stopped");
    }
  }
}

void Wait(const TasksFlags& flags, CommandContext& context) {
  const auto enough = [&](const Task& task) {
    return flags.delivered > 0 && DeliveredOf(task) >= flags.delivered;
  };
  const auto task = WaitFor(flags, context, enough);
  if (!task) return context.Fail(task.error());
  const std::string state = StateOf(*task);
  Report(context, TaskJson(*task), TaskText(*task, system_clock::now()));
  if (enough(*task)) return;
  const std::string& name = task->settings.name;
  if (flags.delivered > 0) {
    PrintError("task " + name + " is " + state + " after " +
               std::to_string(DeliveredOf(*task)) + " frames, not " +
               std::to_string(flags.delivered));
    context.exit_code = kExitSomeFailed;
  } else if (state != "finished") {
    PrintError("task " + name + " is " + state +
               (task->status && !task->status->error.empty()
                    ? ": " + task->status->error
                    : "") +
               "; ocelli archive resume " + name + " goes on");
    context.exit_code = kExitSomeFailed;
  }
}

void Stop(const TasksFlags& flags, CommandContext& context) {
  const auto task = TasksOf(context).Find(flags.task);
  if (!task) return context.Fail(task.error());
  if (auto asked = TasksOf(context).RequestStop(*task); !asked) {
    return context.Fail(asked.error());
  }
  PrintError("stopping task " + task->settings.name + " ...");
  const auto ended = WaitFor(flags, context, [](const Task&) { return false; });
  if (!ended) return context.Fail(ended.error());
  Report(context, TaskJson(*ended), TaskText(*ended, system_clock::now()));
}

// Lines from the store from `seq` on, up to those that are here; then `seq` is
// the next.
Result<> PrintStored(ObjectStore& store, std::uint64_t first_local,
                     std::uint64_t& seq, ArchiveLines& lines,
                     const std::stop_token& stop) {
  bool enough = false;
  auto read = ReadManifest(
      store,
      [&](const ManifestLine& line) -> Result<> {
        if (line.frame.seq < seq) return {};
        enough = line.frame.seq >= first_local;
        if (enough) return Fail(ErrorCode::kCancelled, "enough");
        if (!line.end) seq = line.frame.seq + 1;
        return lines.Add(line, system_clock::now());
      },
      stop, seq);
  return enough ? Result<>() : read;
}

Result<> PrintResults(const TasksFlags& flags, const CommandContext& context) {
  const auto archive = OpenArchive(flags.task, flags.store, context);
  if (!archive) return archive.Failure();
  if (!archive->task) {
    return Fail(ErrorCode::kNotFound, flags.task +
                                          " is no task's name; "
                                          "ocelli archive list");
  }
  const TaskSettings& settings = archive->task->settings;
  ObjectStore& store = *archive->store;
  ArchiveLineFormat format;
  format.json = context.json || flags.group > 0;
  format.group = flags.group;
  format.presign = archive->presign;
  ArchiveLines lines(format, store,
                     [](const std::string& line) { std::puts(line.c_str()); });
  const auto first_local = FirstLocalSeq(settings.spool);
  if (!first_local) return first_local.Failure();
  constexpr std::uint64_t kNone = ~std::uint64_t{0};
  const std::uint64_t local = first_local->value_or(kNone);
  // A task that has no line yet has none in the store either.
  const bool none_yet =
      local == kNone && (!archive->task->status || archive->task->running);
  std::uint64_t seq = flags.from_seq;
  if (seq < local && !none_yet) {
    auto done = PrintStored(store, local, seq, lines, context.stop);
    if (!done) return done;
  }
  LocalLines reader(settings.spool, seq);
  while (true) {
    // Asked first: what it wrote before it ended is read below.
    const auto task = TasksOf(context).Find(settings.name);
    auto read = reader.ReadNew([&](const ManifestLine& line) -> Result<> {
      if (context.stop.stop_requested()) {
        return Fail(ErrorCode::kCancelled, "printing results: stopped");
      }
      return lines.Add(line, system_clock::now());
    });
    if (!read) return read;
    std::fflush(stdout);
    if (!flags.follow || !task || !task->running) break;
    if (!SleepFor(kLookEvery, context.stop)) break;
  }
  lines.Flush();
  return {};
}

void Results(const TasksFlags& flags, CommandContext& context) {
  if (auto done = PrintResults(flags, context); !done) {
    context.Fail(done.error());
  }
}

void Remove(const TasksFlags& flags, CommandContext& context) {
  const Tasks tasks = TasksOf(context);
  const auto task = tasks.Find(flags.task);
  if (!task) return context.Fail(task.error());
  if (auto done = tasks.Remove(*task, flags.force); !done) {
    return context.Fail(done.error());
  }
  const std::string& name = task->settings.name;
  Report(context, {{"removed", name}, {"root", task->settings.root}},
         "task " + name + " is removed; what is stored stays in " +
             task->settings.root);
}

}  // namespace

void AddArchiveTaskCommands(CLI::App& archive, CommandContext& context) {
  auto flags = std::make_shared<TasksFlags>();
  const auto verb = [&](const char* name, const char* help,
                        void (*work)(const TasksFlags&, CommandContext&)) {
    CLI::App* command = archive.add_subcommand(name, help);
    command->callback([flags, &context, work] { work(*flags, context); });
    return command;
  };
  const auto with_task = [&](CLI::App* command) {
    command
        ->add_option("TASK", flags->task,
                     "Its name, or how that begins; ocelli archive list")
        ->required();
    return command;
  };
  verb("list", "The archives of this user", List);
  with_task(verb("status", "How far an archive is", Status));
  with_task(verb("wait", "Wait until an archive ends", Wait))
      ->add_option("--delivered", flags->delivered,
                   "Or until so many of its frames are stored")
      ->check(CLI::PositiveNumber);
  with_task(verb("stop", "Stop an archive; resume goes on with it", Stop))
      ->footer(
          "The process that runs it is stopped, with all archives that it "
          "runs.\nWhat it took stays in the spool.");

  CLI::App* results =
      with_task(verb("results", "Frames with their URLs, in order", Results));
  results->add_flag("--follow", flags->follow, "Go on until the archive ends");
  results->add_option("--from-seq", flags->from_seq,
                      "Begin with this frame; the first is 0");
  results
      ->add_option("--group", flags->group,
                   "A JSON line for so many frames, complete and in order")
      ->check(CLI::PositiveNumber);
  AddStoreFlags(*results, flags->store);
  results->footer(R"(Examples:
  ocelli archive results cam1 --json              {"seq":0,...,"url":...} a line
  ocelli archive results cam1 --json --follow     and those to come
  ocelli archive results cam1 --group 50          {"group":0,"frames":[...]} a line)");

  with_task(verb("remove", "Forget a task; what it stored stays", Remove))
      ->add_flag("--force", flags->force,
                 "Also frames that are not stored yet");
}

}  // namespace ocelli
