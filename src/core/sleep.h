#pragma once

#include <chrono>
#include <stop_token>

namespace ocelli {

// False, and sooner, when `stop` is requested.
bool SleepFor(std::chrono::nanoseconds time, const std::stop_token& stop);

}  // namespace ocelli
