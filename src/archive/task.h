#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "archive/archiver.h"
#include "core/result.h"

namespace ocelli {

// What a task needs to be taken up again: TASKS/NAME/task.json, mode 0600,
// since a camera's URL may hold its password.
struct TaskSettings {
  std::string name;
  std::string source;
  std::string root;             // Of the store: "s3://bucket/cam1".
  std::filesystem::path spool;  // Holds lock, frames and local manifest.
  // The command's other options as they were given, to be parsed again.
  std::vector<std::string> arguments;
  std::chrono::system_clock::time_point created;
};

// A task's state as the process that runs it writes it, every second:
// TASKS/NAME/status.json.
struct TaskStatus {
  enum class State { kRunning, kFinished, kStopped, kFailed };
  State state = State::kRunning;
  std::int64_t process = 0;
  ArchiveStatus archive;
  std::string error;  // Why it failed.
  std::chrono::system_clock::time_point started;
  std::chrono::system_clock::time_point updated;
};

struct Task {
  TaskSettings settings;
  std::optional<TaskStatus> status;
  // Its spool's lock is held: it runs now. A kRunning status without that was
  // killed.
  bool running = false;
};

// "running", "finished", "stopped", "failed", "killed", or "new" where it never
// ran.
std::string StateOf(const Task& task);
// Frames of the whole archive that are delivered, as far as the process knew
// that runs or ran last.
std::uint64_t DeliveredOf(const Task& task);

// A name for people that is another for each root: "cam1-3f2a". Letters of
// ASCII, digits, '-' and '_' only.
std::string TaskNameFor(const std::string& root);

// The archives of this user, a folder each. Several processes may use it.
class Tasks {
 public:
  explicit Tasks(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Makes the task's folder. kInvalidArgument: its name is no name of a folder,
  // or an argument is no UTF-8. kAlreadyExists: the name belongs to another
  // root's task.
  Result<> Save(const TaskSettings& settings) const;
  Result<> SaveStatus(const std::string& name, const TaskStatus& status) const;

  // kNotFound lists the names that there are. A unique beginning of a name
  // will do.
  Result<Task> Find(const std::string& name) const;
  Result<std::vector<Task>> List() const;  // By name. Broken ones are logged.

  // Asks the process that runs it to stop, as Ctrl-C does: with all archives
  // that it runs. kFailedPrecondition: it does not run.
  Result<> RequestStop(const Task& task) const;

  // The task's folder with all that is in it, and what is a spool's in its
  // spool. kFailedPrecondition while it runs; unless `force`, also where frames
  // wait, or lines that may not be stored yet.
  Result<> Remove(const Task& task, bool force) const;

  std::filesystem::path FolderOf(const std::string& name) const {
    return folder_ / name;
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace ocelli
