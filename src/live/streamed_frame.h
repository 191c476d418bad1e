#pragma once

#include "core/result.h"
#include "core/yuv_image.h"
#include "live/frame_stream.h"

namespace ocelli {

// The pixels that a client sent, within the limits of `options`; planes are not
// copied. kInvalidArgument (no image, a size that does not match), kDataLoss,
// kResourceExhausted.
Result<YuvImage> ReadPixels(StreamedFrame frame,
                            const FrameStreamOptions& options);

}  // namespace ocelli
