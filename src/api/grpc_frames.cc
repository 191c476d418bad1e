#include "api/grpc_frames.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

#include "ocelli/v1/vision.pb.h"
#include "service/live_messages.h"

namespace ocelli {
namespace {

Result<FrameStreamSettings> Read(const v1::StreamSettings& from) {
  if (from.quality() < 0 || from.quality() > 100) {
    return Fail(ErrorCode::kInvalidArgument,
                "quality " + std::to_string(from.quality()) +
                    ": it is 1 to 100, or 0 for the usual one");
  }
  FrameStreamSettings settings;
  settings.effects = {from.effects().begin(), from.effects().end()};
  settings.faces = from.faces();
  settings.names = from.names();
  settings.pictures = from.pictures();
  if (from.quality() > 0) settings.quality = from.quality();
  return settings;
}

// The frame is moved out.
StreamedFrame TakeFrame(v1::StreamFramesRequest& from) {
  StreamedFrame frame;
  frame.sequence = from.sequence();
  if (from.has_encoded()) {
    frame.data = std::move(*from.mutable_encoded());
    return frame;
  }
  v1::RawPicture& raw = *from.mutable_raw();
  frame.kind = raw.layout() == v1::RawPicture::I420 ? StreamedFrame::Kind::kI420
                                                    : StreamedFrame::Kind::kRgb;
  frame.data = std::move(*raw.mutable_data());
  frame.width = raw.width();
  frame.height = raw.height();
  return frame;
}

v1::StreamFramesResponse Write(StreamedAnswer& from, bool mesh) {
  v1::StreamFramesResponse to;
  to.set_sequence(from.sequence);
  to.set_time_us(from.time.count());
  to.set_width(from.width);
  to.set_height(from.height);
  for (const TrackedFace& face : from.faces) {
    WriteTrackedFace(face, mesh, *to.add_faces());
  }
  to.set_picture(std::move(from.picture));
  if (from.error) to.set_error(from.error->message);
  return to;
}

// One call, from two threads: what comes in, and what goes out.
class FrameCall {
 public:
  FrameCall(MessageStream& messages, const OpenFrameStream& open)
      : messages_(messages), open_(open) {}

  Result<> Run(WorkerPool& pool) {
    v1::StreamFramesRequest request;
    auto more = messages_.Read(request);
    if (!more) return more.Failure();
    if (!*more) return {};
    if (auto begun = Begin(request); !begun) return begun;

    std::promise<Result<>> answered;
    auto answers = answered.get_future();
    if (!pool.Run([&] { answered.set_value(SendAnswers()); })) {
      return Fail(ErrorCode::kResourceExhausted,
                  "no thread is free for the answers; try again later");
    }
    const Result<> taken = TakeFrames(request);
    // Frames that were taken before a bad one are answered.
    stream_->Finish();
    const Result<> sent = answers.get();
    const bool because_of_answers =
        taken || taken.error().code == ErrorCode::kCancelled;
    return !sent && because_of_answers ? sent : taken;
  }

 private:
  Result<> Begin(const v1::StreamFramesRequest& first) {
    if (!first.has_settings()) {
      return Fail(ErrorCode::kInvalidArgument,
                  "the first message of a stream holds its settings");
    }
    auto settings = Read(first.settings());
    if (!settings) return settings.Failure();
    FrameStreamOptions options;
    options.session = session_ = first.settings().session();
    options.client = messages_.context().client;
    auto stream = open_(*settings, options, stop_.get_token());
    if (!stream) return stream.Failure();
    stream_ = std::move(*stream);
    mesh_ = first.settings().mesh();
    return {};
  }

  Result<> TakeFrames(v1::StreamFramesRequest& request) {
    for (bool first = true;; first = false) {
      if (!first && request.has_settings()) {
        if (auto changed = Change(request.settings()); !changed) return changed;
      }
      if (request.frame_case() != v1::StreamFramesRequest::FRAME_NOT_SET) {
        if (auto pushed = Push(request); !pushed) return pushed;
      } else if (!request.has_settings()) {
        return Fail(ErrorCode::kInvalidArgument,
                    "a message holds neither settings nor a frame");
      }
      request.Clear();
      auto more = messages_.Read(request);
      if (!more) return more.Failure();
      if (!*more) return {};
    }
  }

  Result<> Change(const v1::StreamSettings& from) {
    if (from.session() != session_) {
      return Fail(ErrorCode::kInvalidArgument,
                  "the session of a stream can't change");
    }
    auto settings = Read(from);
    if (!settings) return settings.Failure();
    mesh_ = from.mesh();
    return stream_->Configure(*settings);
  }

  Result<> Push(v1::StreamFramesRequest& request) {
    StreamedFrame frame = TakeFrame(request);
    timed_ = timed_ || request.time_us() != 0;
    if (timed_) frame.time = std::chrono::microseconds(request.time_us());
    {
      const std::lock_guard lock(mutex_);
      meshes_.push_back(mesh_);
    }
    return stream_->Push(std::move(frame));
  }

  Result<> SendAnswers() {
    const Result<> sent = SendEach();
    if (!sent) {
      stop_.request_stop();
      messages_.StopReading();
    }
    return sent;
  }

  Result<> SendEach() {
    for (bool first = true;; first = false) {
      auto answer = stream_->Pop();
      if (!answer) return answer.Failure();
      if (!*answer) return {};
      bool mesh = false;
      {
        const std::lock_guard lock(mutex_);
        mesh = meshes_.front();
        meshes_.pop_front();
      }
      auto message = Write(**answer, mesh);
      if (first) {
        message.set_resumed_tracks(
            static_cast<std::uint32_t>(stream_->resumed_tracks()));
      }
      if (auto sent = messages_.Write(message); !sent) return sent;
    }
  }

  MessageStream& messages_;
  const OpenFrameStream& open_;
  std::stop_source stop_;
  const std::stop_callback<std::function<void()>> stopper_{
      messages_.context().stop, [this] { stop_.request_stop(); }};
  std::unique_ptr<FrameStream> stream_;
  std::string session_;
  bool mesh_ = false;   // Of the frames to come.
  bool timed_ = false;  // Whether a frame had a time.
  std::mutex mutex_;
  std::deque<bool> meshes_;  // Guarded by mutex_; of each frame under way.
};

}  // namespace

Result<> ServeFrames(MessageStream& messages, const OpenFrameStream& open,
                     WorkerPool& pool) {
  return FrameCall(messages, open).Run(pool);
}

}  // namespace ocelli
