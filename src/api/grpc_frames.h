#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "api/message_stream.h"
#include "core/worker_pool.h"
#include "live/frame_stream.h"

namespace ocelli {

using OpenFrameStream = std::function<Result<std::unique_ptr<FrameStream>>(
    const FrameStreamSettings&, const FrameStreamOptions&,
    const std::stop_token&)>;

// Vision.StreamFrames: frames in, answers out in their order, until the client
// ends its side. Waits on this thread and one of `pool`.
Result<> ServeFrames(MessageStream& messages, const OpenFrameStream& open,
                     WorkerPool& pool);

}  // namespace ocelli
