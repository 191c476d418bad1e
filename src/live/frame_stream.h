#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/tracked_face.h"
#include "effects/effect.h"
#include "faces/gallery.h"
#include "live/session_store.h"
#include "models/model_store.h"

namespace ocelli {

struct FrameStreamSettings {
  std::vector<std::string> effects;  // As EffectRegistry::Parse() takes them.
  bool faces = true;                 // Whether answers hold faces,
  bool names = false;                // and who they are.
  bool pictures = false;             // And the frame as the effects left it.
  int quality = 85;                  // Of those JPEGs.
};

// A frame from a client: believes nothing.
struct StreamedFrame {
  enum class Kind { kEncoded, kRgb, kI420 };
  Kind kind = Kind::kEncoded;
  std::string data;
  int width = 0;  // Of kRgb and kI420.
  int height = 0;
  std::uint64_t sequence = 0;                     // The client's own.
  std::optional<std::chrono::microseconds> time;  // None: 25 frames a second.
};

struct StreamedAnswer {
  std::uint64_t sequence = 0;
  std::chrono::microseconds time{};
  int width = 0;
  int height = 0;
  std::vector<TrackedFace> faces;
  std::string picture;         // JPEG, or empty.
  std::optional<Error> error;  // The frame could not be read.
};

struct FrameStreamOptions {
  std::size_t in_flight = 8;  // Frames pushed and not yet popped.
  int decoders = 2;  // Threads; one more follows faces, and two encode.
  std::uint64_t max_bytes = 32u << 20;  // Of one frame.
  std::uint64_t max_pixels = 7680 * 4320;
  std::string session;  // To go on with; empty: nothing is kept.
  // Where; outlives the stream. Null: nothing is kept.
  SessionStore* sessions = nullptr;
  std::string client;  // WorkScope of its threads, and the sessions' owner.
};

// Frames of one video that somebody sends, answered in their order. Decoding,
// faces, effects and encoding go on at the same time for different frames.
// Push() and Configure() from one thread, Pop() from another.
class FrameStream {
 public:
  // The models, `gallery` (may be null) and options.sessions outlive it.
  // kAlreadyExists: another stream has the session.
  static Result<std::unique_ptr<FrameStream>> Open(
      const ModelStore& models, const Gallery* gallery,
      const FrameStreamSettings& settings, const FrameStreamOptions& options,
      const std::stop_token& stop);
  virtual ~FrameStream() = default;  // Gives up what is under way.

  // From the next frame on. kInvalidArgument: an effect; the old ones stay.
  virtual Result<> Configure(const FrameStreamSettings& settings) = 0;

  // Waits while `in_flight` are under way. A frame that can't be read is
  // answered with its error. kInvalidArgument: its time does not grow.
  // kCancelled: `stop` of Open().
  virtual Result<> Push(StreamedFrame frame) = 0;
  // No more frames will come.
  virtual void Finish() = 0;

  // The next answer, in order; none after the last one. kCancelled.
  virtual Result<std::optional<StreamedAnswer>> Pop() = 0;

  // How many tracks of a session were taken up.
  virtual std::size_t resumed_tracks() const = 0;
};

}  // namespace ocelli
