#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
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
  int quality = 90;  // Of the JPEGs, 1 to 100.
  int max_side = 0;  // Larger pictures are shrunk to it; 0: none are.
  std::uint64_t max_frames = 0;               // 0: all.
  std::chrono::microseconds max_duration{0};  // Media time; 0: all.
  // Frames of a file up to this media time were archived already.
  std::optional<std::chrono::microseconds> skip_through;
  int encoders = 0;  // JPEG threads; 0: one a processor.
};

struct CaptureStatus {
  std::uint64_t frames_in = 0;
  std::uint64_t chosen = 0;
  std::uint64_t damaged = 0;
  std::uint64_t late = 0;  // A live source was faster than this machine.
  std::uint64_t reconnects = 0;
};

// Frames of a video, chosen, as JPEGs in an archive. JPEG files of a folder go
// in as they are, unless they are to be smaller.
class Capture {
 public:
  // `archiver` outlives it; models are opened where faces are wanted.
  static Result<std::unique_ptr<Capture>> Open(CaptureOptions options,
                                               const ModelStore* models,
                                               const std::stop_token& stop);
  virtual ~Capture() = default;

  virtual const VideoInfo& input() const = 0;

  // To the end of the source, the limits, or until `stop` is requested; the
  // archiver's Finish() is the caller's. Once.
  virtual Result<> Run(Archiver& archiver, std::stop_token stop) = 0;

  virtual CaptureStatus status() const = 0;  // From any thread.
};

}  // namespace ocelli
