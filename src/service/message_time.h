#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <chrono>

#include "core/result.h"

namespace ocelli {

void SetTime(std::chrono::system_clock::time_point time,
             google::protobuf::Timestamp& to);

// kInvalidArgument: not between 1970 and the year 2262, what the clock can say.
Result<std::chrono::system_clock::time_point> TimeOf(
    const google::protobuf::Timestamp& time);

}  // namespace ocelli
