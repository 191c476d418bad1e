#include "archive/task_files.h"

#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "archive/manifest.h"
#include "archive/numbered_file.h"
#include "core/utc_time.h"

namespace ocelli {
namespace {

using Json = nlohmann::ordered_json;
using State = TaskStatus::State;

constexpr std::array<std::pair<State, const char*>, 4> kStates = {
    {{State::kRunning, "running"},
     {State::kFinished, "finished"},
     {State::kStopped, "stopped"},
     {State::kFailed, "failed"}}};

// The counters of a status by name, for reading and writing alike.
constexpr std::array<std::pair<const char*, std::uint64_t ArchiveStatus::*>, 10>
    kCounters = {{{"taken", &ArchiveStatus::taken},
                  {"delivered", &ArchiveStatus::delivered},
                  {"stored", &ArchiveStatus::stored},
                  {"bytes", &ArchiveStatus::bytes},
                  {"duplicates", &ArchiveStatus::duplicates},
                  {"dropped", &ArchiveStatus::dropped},
                  {"retries", &ArchiveStatus::retries},
                  {"waiting", &ArchiveStatus::waiting},
                  {"spool_bytes", &ArchiveStatus::spool_bytes},
                  {"next_seq", &ArchiveStatus::next_seq}}};
constexpr std::array<std::pair<const char*, int ArchiveStatus::*>, 2> kNumbers =
    {{{"in_flight", &ArchiveStatus::in_flight},
      {"parallel", &ArchiveStatus::parallel}}};

std::string TimeText(std::chrono::system_clock::time_point time) {
  return UtcText(time, UtcPrecision::kMicroseconds);
}

// The line as the manifest has it, whatever it follows.
std::string LineText(const ManifestLine& line) {
  ManifestLine copy = line;
  std::string text = FormatLine(copy, ChainStart());
  const std::string other = copy.chain.ToHex();
  text.replace(text.rfind(other), other.size(), line.chain.ToHex());
  return text;
}

Result<Json> ParseObject(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return Fail(ErrorCode::kDataLoss, "not an object of JSON");
  }
  return json;
}

auto Bad(const char* name) {
  return Fail(ErrorCode::kDataLoss,
              std::string(name) + " is not what it should be");
}

// Each leaves `value` where there is no such member; false: it is none of the
// kind.
bool Read(const Json& json, const char* name, std::string& value) {
  const auto found = json.find(name);
  if (found == json.end()) return true;
  if (!found->is_string()) return false;
  value = found->get<std::string>();
  return true;
}
bool Read(const Json& json, const char* name,
          std::chrono::system_clock::time_point& value) {
  std::string text;
  if (!Read(json, name, text)) return false;
  if (text.empty()) return true;
  const auto time = ParseUtc(text);
  if (time) value = *time;
  return time.has_value();
}
bool Read(const Json& json, const char* name, std::uint64_t& value) {
  const auto found = json.find(name);
  if (found == json.end()) return true;
  if (!found->is_number_unsigned()) return false;
  value = found->get<std::uint64_t>();
  return true;
}

}  // namespace

Result<std::string> FormatTaskSettings(const TaskSettings& settings) {
  const Json json = {{"source", settings.source},
                     {"root", settings.root},
                     {"spool", settings.spool.string()},
                     {"arguments", settings.arguments},
                     {"created", TimeText(settings.created)}};
  try {
    return json.dump(2) + "\n";
  } catch (const Json::exception&) {
    return Fail(ErrorCode::kInvalidArgument,
                "source, folders and options must be UTF-8");
  }
}

Result<TaskSettings> ParseTaskSettings(std::string_view text) {
  const auto json = ParseObject(text);
  if (!json) return json.Failure();
  TaskSettings settings;
  std::string spool;
  for (const auto& [name, value] :
       {std::pair<const char*, std::string*>{"source", &settings.source},
        {"root", &settings.root},
        {"spool", &spool}}) {
    if (!Read(*json, name, *value) || value->empty()) return Bad(name);
  }
  settings.spool = spool;
  if (!Read(*json, "created", settings.created)) return Bad("created");
  const auto arguments = json->find("arguments");
  if (arguments == json->end() || !arguments->is_array()) {
    return Bad("arguments");
  }
  for (const Json& argument : *arguments) {
    if (!argument.is_string()) return Bad("arguments");
    settings.arguments.push_back(argument.get<std::string>());
  }
  return settings;
}

std::string FormatTaskStatus(const TaskStatus& status) {
  Json json;
  for (const auto& [state, name] : kStates) {
    if (state == status.state) json["state"] = name;
  }
  json["process"] = status.process;
  json["started"] = TimeText(status.started);
  json["updated"] = TimeText(status.updated);
  if (!status.error.empty()) json["error"] = status.error;
  const ArchiveStatus& archive = status.archive;
  for (const auto& [name, member] : kCounters) json[name] = archive.*member;
  for (const auto& [name, member] : kNumbers) json[name] = archive.*member;
  if (archive.last) json["last"] = LineText(*archive.last);
  if (!archive.trouble.empty()) json["trouble"] = archive.trouble;
  if (archive.trouble_since) {
    json["trouble_since"] = TimeText(*archive.trouble_since);
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<TaskStatus> ParseTaskStatus(std::string_view text) {
  const auto json = ParseObject(text);
  if (!json) return json.Failure();
  TaskStatus status;
  ArchiveStatus& archive = status.archive;
  std::string state = "running", last;
  if (!Read(*json, "state", state)) return Bad("state");
  bool known = false;
  for (const auto& [value, name] : kStates) {
    if (state != name) continue;
    status.state = value;
    known = true;
  }
  if (!known) return Bad("state");
  std::uint64_t process = 0;
  if (!Read(*json, "process", process) ||
      process > std::numeric_limits<std::int32_t>::max()) {
    return Bad("process");
  }
  status.process = static_cast<std::int64_t>(process);
  if (!Read(*json, "started", status.started)) return Bad("started");
  if (!Read(*json, "updated", status.updated)) return Bad("updated");
  if (!Read(*json, "error", status.error)) return Bad("error");
  for (const auto& [name, member] : kCounters) {
    if (!Read(*json, name, archive.*member)) return Bad(name);
  }
  for (const auto& [name, member] : kNumbers) {
    std::uint64_t number = 0;
    if (!Read(*json, name, number) ||
        number > std::numeric_limits<std::int32_t>::max()) {
      return Bad(name);
    }
    archive.*member = static_cast<int>(number);
  }
  if (!Read(*json, "last", last)) return Bad("last");
  if (!last.empty()) {
    auto line = ParseLine(last);
    if (!line) return line.Failure("last");
    archive.last = std::move(*line);
  }
  if (!Read(*json, "trouble", archive.trouble)) return Bad("trouble");
  if (json->contains("trouble_since")) {
    archive.trouble_since.emplace();
    if (!Read(*json, "trouble_since", *archive.trouble_since)) {
      return Bad("trouble_since");
    }
  }
  return status;
}

bool IsSpoolFile(std::string_view name) {
  if (name == "lock" || name == "manifest.stored") return true;
  for (const std::string_view suffix :
       {".frames", ".dropped", ".dropped.tmp", ".jsonl"}) {
    if (NumberOfName(name, suffix)) return true;
  }
  return false;
}

}  // namespace ocelli
