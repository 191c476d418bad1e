#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "archive/task.h"

namespace ocelli {

// "running", "finished", "stopped", "failed", "killed", or "new" where it never
// ran.
std::string StateOf(const Task& task);

// Frames of the whole archive that are delivered.
std::uint64_t DeliveredOf(const Task& task);

// Without secrets.
nlohmann::ordered_json TaskJson(const Task& task);
// Several lines.
std::string TaskText(const Task& task,
                     std::chrono::system_clock::time_point now);
// A line each, and one of titles.
std::string TaskTable(const std::vector<Task>& tasks,
                      std::chrono::system_clock::time_point now);

}  // namespace ocelli
