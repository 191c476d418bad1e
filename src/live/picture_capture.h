#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "core/result.h"
#include "live/capture.h"

namespace ocelli {

// Capture of a folder of pictures or of one picture. `tracker` may be null.
// Files are read ahead on several threads; those whose time is not wanted are
// not read, and those that go in as they are not decoded.
Result<std::unique_ptr<Capture>> OpenPictureCapture(
    const std::string& path, CaptureOptions options,
    std::unique_ptr<FaceTracker> tracker, const std::stop_token& stop);

}  // namespace ocelli
