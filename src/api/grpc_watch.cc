#include "api/grpc_watch.h"

#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <string>

#include "ocelli/v1/live.pb.h"
#include "service/live_messages.h"

namespace ocelli {

Result<> ServeWatch(MessageStream& messages, LiveBoard& board,
                    const Clock& clock) {
  using Seconds = std::chrono::duration<double>;
  v1::WatchLiveRequest request;
  const auto came = messages.Read(request);
  if (!came) return came.Failure();
  if (!*came) {
    return Fail(ErrorCode::kInvalidArgument, "no whole message came");
  }
  const double rate = request.frames_a_second();
  if (!std::isfinite(rate) || rate < 0 || request.max_side() < 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "frames_a_second and max_side are 0 or more");
  }
  std::shared_ptr<const LiveShot> last;
  std::optional<std::chrono::steady_clock::time_point> sent_at;
  for (;;) {
    auto shot = board.Next(request.name(), last, std::chrono::seconds(1),
                           messages.context().stop);
    if (!shot) return shot.Failure();
    if (!*shot) continue;
    last = std::move(*shot);
    const auto now = clock.MonotonicTime();
    if (rate > 0 && sent_at && now - *sent_at < Seconds(1 / rate)) continue;
    sent_at = now;
    v1::LiveFrame message;
    WriteLiveFrame(*last, message);
    if (request.pictures()) {
      const auto picture = board.Jpeg(last, request.max_side());
      if (!picture) return picture.Failure("making a picture of a frame");
      message.set_picture(**picture);
    }
    if (auto sent = messages.Write(message); !sent) return sent;
  }
}

}  // namespace ocelli
