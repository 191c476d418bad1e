#include "archive/task.h"

#include <sys/types.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "archive/manifest_log.h"
#include "archive/spool.h"
#include "archive/task_files.h"
#include "core/digest.h"
#include "core/file.h"
#include "core/log.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

constexpr char kSettingsFile[] = "task.json";
constexpr char kStatusFile[] = "status.json";
constexpr std::uint64_t kMaxFileBytes = 1 << 20;
// A camera's URL may hold its password.
constexpr unsigned kOwnerOnly = 0600;

bool IsNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '-' || c == '_';
}

Result<> CheckName(const std::string& name) {
  constexpr std::size_t kMost = 100;
  if (!name.empty() && name.size() <= kMost &&
      std::all_of(name.begin(), name.end(), IsNameChar)) {
    return {};
  }
  return Fail(ErrorCode::kInvalidArgument,
              "task name \"" + name.substr(0, kMost) +
                  "\": letters a-z, digits, - and _ only");
}

Result<std::string> ReadText(const fs::path& path) {
  const auto bytes = ReadFileLimited(path, kMaxFileBytes);
  if (!bytes) return bytes.Failure();
  return std::string(reinterpret_cast<const char*>(bytes->data()),
                     bytes->size());
}

// Its folder is `folder`/`name`.
Result<Task> ReadTask(const fs::path& folder, const std::string& name) {
  const fs::path path = folder / name / kSettingsFile;
  const auto text = ReadText(path);
  if (!text) return text.Failure();
  auto settings = ParseTaskSettings(*text);
  if (!settings) return settings.Failure(path.string());
  Task task;
  task.settings = std::move(*settings);
  task.settings.name = name;
  const fs::path status_path = folder / name / kStatusFile;
  if (const auto status = ReadText(status_path)) {
    auto parsed = ParseTaskStatus(*status);
    if (parsed) {
      task.status = std::move(*parsed);
    } else {
      Log(LogLevel::kWarning, "a task's status is not readable",
          {{"file", status_path.string()}, {"error", parsed.error().message}});
    }
  }
  const auto holder = HolderOfSpoolFolder(task.settings.spool);
  task.running = holder && *holder;
  return task;
}

Result<std::vector<std::string>> NamesIn(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::string name = entry->path().filename().string();
    std::error_code ignored;
    if (CheckName(name) && fs::exists(entry->path() / kSettingsFile, ignored)) {
      names.push_back(std::move(name));
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return FailWithErrno("listing tasks in " + folder.string(), error.value());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string Joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

// Whether something of the task is nowhere else.
Result<> CheckAllIsStored(const Task& task, FileSystem& spool) {
  const std::string& name = task.settings.name;
  const auto log = ManifestLog::Open(spool, std::nullopt);
  if (!log) return log.Failure("task " + name);
  const auto last = (*log)->last();
  std::optional<std::uint64_t> released;
  if (last && last->end) {
    if (last->frame.seq > 0) released = last->frame.seq - 1;
  } else if (last) {
    released = last->frame.seq;
  }
  const auto frames = Spool::Open(spool, {}, released);
  if (!frames) return frames.Failure("task " + name);
  const std::string advice =
      "; ocelli archive resume " + name + " stores them, --force gives them up";
  if (const std::uint64_t waiting = (*frames)->waiting(); waiting > 0) {
    return Fail(ErrorCode::kFailedPrecondition,
                "task " + name + ": " + std::to_string(waiting) +
                    " frames wait to be stored" + advice);
  }
  using State = TaskStatus::State;
  const bool ended_well =
      task.status && (task.status->state == State::kFinished ||
                      task.status->state == State::kStopped);
  if (last && !ended_well) {
    return Fail(ErrorCode::kFailedPrecondition,
                "task " + name +
                    " did not end: lines of its manifest may not be stored" +
                    advice);
  }
  return {};
}

// What a spool makes, and nothing else: its folder may be anybody's.
Result<> RemoveSpoolFiles(FileSystem& spool) {
  const auto names = spool.List();
  if (!names) return names.Failure();
  for (const std::string& name : *names) {
    if (!IsSpoolFile(name)) continue;
    if (auto removed = spool.Remove(name); !removed) return removed;
  }
  return {};
}

}  // namespace

std::string StateOf(const Task& task) {
  if (task.running) return "running";
  if (!task.status) return "new";
  switch (task.status->state) {
    case TaskStatus::State::kRunning:
      return "killed";
    case TaskStatus::State::kFinished:
      return "finished";
    case TaskStatus::State::kStopped:
      return "stopped";
    case TaskStatus::State::kFailed:
      return "failed";
  }
  return "";
}

std::uint64_t DeliveredOf(const Task& task) {
  if (!task.status || !task.status->archive.last) return 0;
  const ManifestLine& last = *task.status->archive.last;
  return last.end ? last.frame.seq : last.frame.seq + 1;
}

std::string TaskNameFor(const std::string& root) {
  constexpr std::size_t kMostShown = 32;
  std::string_view path = root;
  while (path.ends_with('/')) path.remove_suffix(1);
  path.remove_prefix(path.find_last_of("/:") + 1);  // npos + 1 is 0.
  std::string name;
  for (const char c : path.substr(0, kMostShown)) {
    name += IsNameChar(c) ? c : '-';
  }
  const bool no_letter =
      std::all_of(name.begin(), name.end(), [](char c) { return c == '-'; });
  if (no_letter) name = "archive";
  return name + "-" + Sha256(root).ToHex().substr(0, 4);
}

Result<> Tasks::Save(const TaskSettings& settings) const {
  if (auto good = CheckName(settings.name); !good) return good;
  const auto text = FormatTaskSettings(settings);
  if (!text) return text.Failure("saving task " + settings.name);
  const fs::path folder = FolderOf(settings.name);
  if (const auto other = ReadTask(folder_, settings.name);
      other && other->settings.root != settings.root) {
    return Fail(ErrorCode::kAlreadyExists,
                "task " + settings.name + " archives to " +
                    other->settings.root + ": choose another name");
  }
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) fs::permissions(folder, fs::perms::owner_all, error);
  if (error) return FailWithErrno("making " + folder.string(), error.value());
  return WriteFileAtomically(folder / kSettingsFile, *text, kOwnerOnly);
}

Result<> Tasks::SaveStatus(const std::string& name,
                           const TaskStatus& status) const {
  if (auto good = CheckName(name); !good) return good;
  return WriteFileAtomically(FolderOf(name) / kStatusFile,
                             FormatTaskStatus(status), kOwnerOnly);
}

Result<Task> Tasks::Find(const std::string& name) const {
  const auto names = NamesIn(folder_);
  if (!names) return names.Failure();
  std::vector<std::string> meant;
  for (const std::string& candidate : *names) {
    if (candidate == name) return ReadTask(folder_, candidate);
    if (!name.empty() && candidate.starts_with(name)) {
      meant.push_back(candidate);
    }
  }
  if (meant.size() == 1) return ReadTask(folder_, meant.front());
  if (meant.size() > 1) {
    return Fail(ErrorCode::kInvalidArgument,
                "task " + name + ": which of " + Joined(meant) + "?");
  }
  return Fail(ErrorCode::kNotFound,
              "no task " + name +
                  (names->empty() ? "; there are none"
                                  : "; there are " + Joined(*names)));
}

Result<std::vector<Task>> Tasks::List() const {
  const auto names = NamesIn(folder_);
  if (!names) return names.Failure();
  std::vector<Task> tasks;
  for (const std::string& name : *names) {
    auto task = ReadTask(folder_, name);
    if (task) {
      tasks.push_back(std::move(*task));
    } else {
      Log(LogLevel::kWarning, "a task is not readable",
          {{"task", name}, {"error", task.error().message}});
    }
  }
  return tasks;
}

Result<> Tasks::RequestStop(const Task& task) const {
  const std::string doing = "stopping task " + task.settings.name;
  const auto holder = HolderOfSpoolFolder(task.settings.spool);
  if (!holder) return holder.Failure(doing);
  // 0 and 1 are every process of the group, and init.
  if (!*holder || **holder <= 1) {
    return Fail(ErrorCode::kFailedPrecondition, doing + ": it does not run");
  }
  if (kill(static_cast<pid_t>(**holder), SIGTERM) != 0) {
    return FailWithErrno(doing + ": process " + std::to_string(**holder),
                         errno);
  }
  return {};
}

Result<> Tasks::Remove(const Task& task, bool force) const {
  const std::string& name = task.settings.name;
  if (auto good = CheckName(name); !good) return good;
  std::error_code error;
  if (fs::is_directory(task.settings.spool, error)) {
    // Held, so that nobody begins meanwhile.
    const auto spool = OpenSpoolFolder(task.settings.spool);
    if (!spool) return spool.Failure("removing task " + name);
    if (!force) {
      if (auto stored = CheckAllIsStored(task, **spool); !stored) return stored;
    }
    if (auto removed = RemoveSpoolFiles(**spool); !removed) return removed;
  }
  // Stays where somebody else's files are in it.
  fs::remove(task.settings.spool, error);
  fs::remove_all(FolderOf(name), error);
  if (error) {
    return FailWithErrno("removing " + FolderOf(name).string(), error.value());
  }
  return {};
}

}  // namespace ocelli
