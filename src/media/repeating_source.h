#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "core/result.h"
#include "media/video_source.h"

namespace ocelli {

using OpenAgain = std::function<Result<std::unique_ptr<VideoSource>>(
    const std::stop_token& stop)>;

// One that is not live, begun again at its end: time and numbers of frames go
// on. It ends where a round gives no frame, and fails where `again` does. Sound
// is left out.
std::unique_ptr<VideoSource> MakeRepeatingSource(
    std::unique_ptr<VideoSource> first, OpenAgain again);

}  // namespace ocelli
