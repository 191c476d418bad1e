#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "archive/archiver.h"
#include "core/frame.h"
#include "core/image.h"
#include "core/result.h"

namespace ocelli {

inline constexpr int kDefaultQuality = 90;

// A frame on its way into an archive.
struct EncodedFrame {
  FrameRecord record;  // Without seq and run.
  std::vector<std::byte> picture;
  std::chrono::steady_clock::time_point taken;

  NewFrame ToAdd() const { return {record, picture}; }
};

// The record of `picture`, of that size.
EncodedFrame MakeEncodedFrame(std::vector<std::byte> picture, int width,
                              int height);

// A JPEG of the frame, not larger than `max_side` (0: as it is).
Result<EncodedFrame> EncodeFrame(const Frame& frame, int quality, int max_side);
// The same of a picture that belongs to no time.
Result<EncodedFrame> EncodePicture(const Image& image, int quality,
                                   int max_side);

}  // namespace ocelli
