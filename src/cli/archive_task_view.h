#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "archive/task.h"

namespace ocelli {

// Without secrets.
nlohmann::ordered_json TaskJson(const Task& task);
// Several lines.
std::string TaskText(const Task& task,
                     std::chrono::system_clock::time_point now);
// A line each, and one of titles.
std::string TaskTable(const std::vector<Task>& tasks,
                      std::chrono::system_clock::time_point now);

}  // namespace ocelli
