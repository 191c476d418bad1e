#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "core/result.h"
#include "media/video_source.h"

namespace ocelli {

// Whether `path` is a folder, or a file that begins as a picture does.
bool HoldsPictures(const std::string& path);

// The pictures of a folder and of those below it in the order of their names,
// or one picture, as a video of `options.frame_rate`. Pictures that can't be
// decoded count as damaged. kNotFound: there is none; kDataLoss: none can be
// decoded.
Result<std::unique_ptr<VideoSource>> OpenPictureFolder(
    const std::string& path, const VideoSourceOptions& options,
    std::stop_token stop);

}  // namespace ocelli
