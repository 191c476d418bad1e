#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "core/result.h"

namespace ocelli {

// "30d", "12h", "5m", "90s", "1.5s" or "500ms". kInvalidArgument, also beyond
// a century.
Result<std::chrono::milliseconds> ParseDuration(const std::string& text);

// "10GB" (of 10^9 bytes), "512MiB" (of 2^20), "64k" or plain bytes, in either
// case. kInvalidArgument.
Result<std::uint64_t> ParseSize(const std::string& text);

// In whole units, at least two of them: "3 days", "5 hours", "90 s".
std::string DurationText(std::chrono::milliseconds time);

}  // namespace ocelli
