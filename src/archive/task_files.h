#pragma once

#include <string>
#include <string_view>

#include "archive/task.h"
#include "core/result.h"

namespace ocelli {

// What is in task.json, without the name. kInvalidArgument: a text of it is no
// UTF-8.
Result<std::string> FormatTaskSettings(const TaskSettings& settings);
// kDataLoss.
Result<TaskSettings> ParseTaskSettings(std::string_view text);

// What is in status.json.
std::string FormatTaskStatus(const TaskStatus& status);
// kDataLoss. Members that are missing are as TaskStatus has them.
Result<TaskStatus> ParseTaskStatus(std::string_view text);

// Whether a spool or a manifest's log gives this name to a file of its folder.
bool IsSpoolFile(std::string_view name);

}  // namespace ocelli
