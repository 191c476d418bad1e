#include "service/message_time.h"

#include <string>

namespace ocelli {

using std::chrono::nanoseconds;
using std::chrono::seconds;
using std::chrono::system_clock;

void SetTime(system_clock::time_point time, google::protobuf::Timestamp& to) {
  const auto whole = std::chrono::floor<seconds>(time);
  to.set_seconds(whole.time_since_epoch().count());
  to.set_nanos(static_cast<std::int32_t>(nanoseconds(time - whole).count()));
}

Result<system_clock::time_point> TimeOf(
    const google::protobuf::Timestamp& time) {
  constexpr std::int64_t kLast =
      std::chrono::floor<seconds>(system_clock::duration::max()).count();
  if (time.seconds() < 0 || time.seconds() >= kLast || time.nanos() < 0 ||
      time.nanos() >= 1'000'000'000) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "no time: " + std::to_string(time.seconds()) + " seconds since 1970");
  }
  return system_clock::time_point(
      std::chrono::duration_cast<system_clock::duration>(
          seconds(time.seconds()) + nanoseconds(time.nanos())));
}

}  // namespace ocelli
