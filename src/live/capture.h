#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "archive/archiver.h"
#include "core/result.h"
#include "faces/face_tracker.h"
#include "live/frame_selection.h"
#include "media/video_source.h"
#include "models/model_store.h"

namespace ocelli {

struct CaptureOptions {
  std::string source;  // As VideoSource::Open() takes it.
  VideoSourceOptions source_options;
  FrameSelection selection;
  bool faces = false;  // Only frames with a face.
  FaceTrackerOptions tracker;
  // Of the JPEGs, 1 to 100; none: 90, and JPEG files of a folder as they are.
  std::optional<int> quality;
  int max_side = 0;  // Larger pictures are shrunk to it; 0: none are.
  std::uint64_t max_frames = 0;               // 0: all.
  std::chrono::microseconds max_duration{0};  // Media time; 0: all.
  // JPEG threads; 0: one a processor, and one for a live source.
  int encoders = 0;
};

// What of the same source was archived before.
struct CaptureBefore {
  std::optional<std::chrono::microseconds> through;  // Media time.
  std::uint64_t frames = 0;                          // Part of max_frames.
};

struct CaptureStatus {
  std::uint64_t frames_in = 0;
  std::uint64_t chosen = 0;
  std::uint64_t added = 0;    // To the archive.
  std::uint64_t damaged = 0;  // Could not be decoded.
  std::uint64_t late = 0;     // A live source was faster than this machine.
  std::uint64_t reconnects = 0;
  // When the first frame that was added had been read.
  std::optional<std::chrono::steady_clock::time_point> first_taken;
};

// Frames of a video, chosen, as JPEGs in an archive. JPEG files of a folder go
// in as they are, byte for byte, unless they are to be smaller.
class Capture {
 public:
  // `models` may be null unless faces are wanted.
  static Result<std::unique_ptr<Capture>> Open(CaptureOptions options,
                                               const ModelStore* models,
                                               const std::stop_token& stop);
  // Of a source that is open already.
  static std::unique_ptr<Capture> Of(std::unique_ptr<VideoSource> source,
                                     CaptureOptions options,
                                     std::unique_ptr<FaceTracker> tracker);
  virtual ~Capture() = default;

  virtual const VideoInfo& input() const = 0;

  // To the end of the source, the limits, or until `stop` is requested, which
  // is no error; the archiver's Finish() is the caller's. Frames of a file
  // wait for the archive, late ones of a live source go, the oldest first, and
  // are counted; those of a camera over TCP only when reading is a second
  // behind. Pictures of a folder that can't be read are logged. Once.
  virtual Result<> Run(Archiver& archiver, std::stop_token stop,
                       const CaptureBefore& before = {}) = 0;

  virtual CaptureStatus status() const = 0;  // From any thread.
};

}  // namespace ocelli
