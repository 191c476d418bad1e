#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/result.h"

namespace ocelli {

enum class UtcPrecision { kMilliseconds, kMicroseconds };

// "2026-11-25T14:24:15.123Z": UTC, RFC 3339, rounded down.
std::string UtcText(std::chrono::system_clock::time_point time,
                    UtcPrecision precision = UtcPrecision::kMilliseconds);

// What UtcText() writes, also without or with other parts of a second, down to
// microseconds. kInvalidArgument.
Result<std::chrono::system_clock::time_point> ParseUtc(std::string_view text);

}  // namespace ocelli
