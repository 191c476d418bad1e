#include "cli/archive_task_view.h"

#include <algorithm>
#include <array>
#include <utility>

#include "cli/duration.h"
#include "cli/json_output.h"
#include "core/utc_time.h"
#include "media/video_source.h"

namespace ocelli {
namespace {

using Json = nlohmann::ordered_json;
using Time = std::chrono::system_clock::time_point;

std::string Since(Time time, Time now) {
  return DurationText(std::chrono::duration_cast<std::chrono::milliseconds>(
      std::max(now - time, std::chrono::system_clock::duration(0))));
}

std::string N(std::uint64_t count, const char* noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace

Json TaskJson(const Task& task) {
  const TaskSettings& settings = task.settings;
  Json json = {{"task", settings.name},
               {"source", WithoutSecrets(settings.source)},
               {"root", settings.root},
               {"spool", settings.spool.string()},
               {"created", UtcText(settings.created)},
               {"state", StateOf(task)},
               {"running", task.running}};
  if (!task.status) return json;
  const TaskStatus& status = *task.status;
  const ArchiveStatus& archive = status.archive;
  json["process"] = status.process;
  json["started"] = UtcText(status.started);
  json["updated"] = UtcText(status.updated);
  json["frames"] = DeliveredOf(task);
  json["taken"] = archive.taken;
  json["delivered"] = archive.delivered;
  json["stored"] = archive.stored;
  json["bytes"] = archive.bytes;
  json["duplicates"] = archive.duplicates;
  json["dropped"] = archive.dropped;
  json["retries"] = archive.retries;
  json["waiting"] = archive.waiting;
  json["in_flight"] = archive.in_flight;
  json["parallel"] = archive.parallel;
  json["spool_bytes"] = archive.spool_bytes;
  if (archive.last) {
    json["last"] = {{"seq", archive.last->frame.seq},
                    {"end", archive.last->end},
                    {"time", UtcText(archive.last->frame.time,
                                     UtcPrecision::kMicroseconds)}};
    json["head"] = archive.last->chain.ToHex();
  }
  if (!archive.trouble.empty()) {
    json["trouble"] = archive.trouble;
    if (archive.trouble_since) {
      json["trouble_since"] = UtcText(*archive.trouble_since);
    }
  }
  if (!status.error.empty()) json["error"] = status.error;
  return json;
}

std::string TaskText(const Task& task, Time now) {
  const TaskSettings& settings = task.settings;
  const std::string state = StateOf(task);
  std::string text = settings.name + ": " + state;
  const auto line = [&](const char* name, const std::string& value) {
    std::string title = name;
    title.resize(8, ' ');
    text += "\n  " + title + " " + Printable(value);
  };
  if (task.status && state == "running") {
    text += " for " + Since(task.status->started, now) + ", process " +
            std::to_string(task.status->process);
  } else if (task.status) {
    text += " " + Since(task.status->updated, now) + " ago";
  }
  line("source", WithoutSecrets(settings.source));
  line("root", settings.root);
  line("spool", settings.spool.string());
  if (!task.status) return text;
  const ArchiveStatus& archive = task.status->archive;
  line("frames", std::to_string(DeliveredOf(task)) + " delivered, " +
                     std::to_string(archive.in_flight) + " on their way, " +
                     std::to_string(archive.waiting) + " waiting in " +
                     Megabytes(archive.spool_bytes));
  line("this run", N(archive.stored, "object") + ", " +
                       Megabytes(archive.bytes) + "; " +
                       N(archive.duplicates, "duplicate") + ", " +
                       std::to_string(archive.dropped) + " dropped");
  line("uploads", std::to_string(archive.parallel) + " at a time, " +
                      std::to_string(archive.retries) + " tried again");
  if (archive.last) {
    line("last", std::string(archive.last->end ? "end of the run" : "frame") +
                     " of " + UtcText(archive.last->frame.time));
    line("head", archive.last->chain.ToHex());
  }
  if (!archive.trouble.empty()) {
    line("trouble", (archive.trouble_since
                         ? "for " + Since(*archive.trouble_since, now) + ": "
                         : "") +
                        archive.trouble);
  }
  if (!task.status->error.empty()) line("error", task.status->error);
  if (state == "killed" || state == "failed" || state == "stopped") {
    line("next", "ocelli archive resume " + settings.name);
  }
  return text;
}

std::string TaskTable(const std::vector<Task>& tasks, Time now) {
  constexpr std::size_t kColumns = 7;
  using Row = std::array<std::string, kColumns>;
  std::vector<Row> rows = {
      {"TASK", "STATE", "FRAMES", "WAITING", "UPDATED", "SOURCE", "TO"}};
  for (const Task& task : tasks) {
    const auto& status = task.status;
    rows.push_back({task.settings.name, StateOf(task),
                    std::to_string(DeliveredOf(task)),
                    std::to_string(status ? status->archive.waiting : 0),
                    status ? Since(status->updated, now) + " ago" : "never",
                    Printable(WithoutSecrets(task.settings.source)),
                    Printable(task.settings.root)});
  }
  std::array<std::size_t, kColumns> widths = {};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < kColumns; ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const Row& row : rows) {
    if (!text.empty()) text += '\n';
    for (std::size_t i = 0; i < kColumns; ++i) {
      text += row[i];
      if (i + 1 < kColumns) text.append(widths[i] - row[i].size() + 2, ' ');
    }
  }
  return text;
}

}  // namespace ocelli
