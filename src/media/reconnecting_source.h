#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "media/stream_source.h"
#include "media/video_source.h"

namespace ocelli {

// How long to wait before attempt number `attempt`, counted from 0: `first`
// doubled as often, at most `last`, and of that the part 1/2 + `chance`/2.
// 0 <= chance <= 1.
std::chrono::milliseconds WaitBefore(int attempt,
                                     std::chrono::milliseconds first,
                                     std::chrono::milliseconds last,
                                     double chance);

using ConnectStream =
    std::function<Result<std::unique_ptr<StreamSource>>(std::stop_token stop)>;

// A live source that makes lost connections anew as `options` say. The end of
// the stream is a loss too, but with `options.reconnects` 0 an end. `shown` is
// the URL for the log.
std::unique_ptr<VideoSource> MakeReconnectingSource(
    std::unique_ptr<StreamSource> first, ConnectStream connect,
    std::string shown, const VideoSourceOptions& options);

}  // namespace ocelli
