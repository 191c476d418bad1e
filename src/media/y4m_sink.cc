#include "media/y4m_sink.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "core/file.h"
#include "core/log.h"
#include "media/ffmpeg.h"
#include "media/frame_fitter.h"
#include "media/held_signals.h"

namespace ocelli {
namespace {

std::string Header(const VideoFormat& format, YuvColor color) {
  const double rate =
      std::isfinite(format.frame_rate) && format.frame_rate >= 0.001
          ? std::min(format.frame_rate, 1000.)
          : 25;
  // Television's rates are a thousandth below a whole number.
  const long whole = std::lround(rate * 1.001);
  const bool television =
      std::abs(rate - static_cast<double>(whole) / 1.001) < .001 &&
      std::abs(rate - std::round(rate)) > .001;
  const long thousandths = television ? whole * 1000 : std::lround(rate * 1000);
  const long unit = television ? 1001 : 1000;
  const long common = std::gcd(thousandths, unit);
  // C420jpeg: chroma lies amid four luma samples.
  return "YUV4MPEG2 W" + std::to_string(format.width) + " H" +
         std::to_string(format.height) + " F" +
         std::to_string(thousandths / common) + ":" +
         std::to_string(unit / common) +
         " Ip A1:1 C420jpeg XYSCSS=420JPEG XCOLORRANGE=" +
         (color.full_range ? "FULL" : "LIMITED") + "\n";
}

void AppendPlane(ImageView plane, std::string& text) {
  for (int row = 0; row < plane.height; ++row) {
    text.append(reinterpret_cast<const char*>(plane.Row(row)),
                static_cast<std::size_t>(plane.width));
  }
}

class Y4mSink final : public VideoSink {
 public:
  Y4mSink(const FFmpeg& ffmpeg, int file, const VideoFormat& format,
          std::stop_token stop)
      : ffmpeg_(ffmpeg), file_(file), format_(format), stop_(std::move(stop)) {}

  Result<> Write(const SourceFrame& frame) override {
    if (failed_) return Fail(failed_->code, failed_->message);
    if (finished_) {
      return Fail(ErrorCode::kFailedPrecondition,
                  "standard output is finished already");
    }
    if (frame.frame.pixels.empty()) {
      return Fail(ErrorCode::kInvalidArgument, "an empty picture in the video");
    }
    buffer_.clear();
    if (!fitter_) {
      const YuvColor color = frame.frame.pixels.color();
      fitter_.emplace(ffmpeg_, format_.width, format_.height, color);
      buffer_ = Header(format_, color);
    }
    const auto fitted = fitter_->Fit(frame.frame.pixels);
    if (!fitted) return fitted.Failure();
    const YuvView view = fitted->view();
    buffer_ += "FRAME\n";
    AppendPlane(view.LumaPlane(), buffer_);
    AppendPlane(view.UPlane(), buffer_);
    AppendPlane(view.VPlane(), buffer_);
    const auto written = WriteBuffer();
    if (written) ++frames_;
    return written;
  }

  Result<> WriteSound(const std::vector<SoundPacket>&) override { return {}; }

  Result<> Finish() override {
    if (failed_) return Fail(failed_->code, failed_->message);
    finished_ = true;
    if (fitter_) return {};
    buffer_ = Header(format_, {});
    return WriteBuffer();
  }

  SinkCounters counters() const override { return {frames_, bytes_}; }
  const std::string& encoder() const override { return encoder_; }

 private:
  Result<> WriteBuffer() {
    const HeldSignals held;
    for (std::size_t done = 0; done < buffer_.size();) {
      // A pipe that poll() finds writable takes this much without blocking.
      const std::size_t size =
          std::min<std::size_t>(buffer_.size() - done, PIPE_BUF);
      constexpr int kLookForStopMs = 100;
      pollfd wait = {file_, POLLOUT, 0};
      const int ready = poll(&wait, 1, kLookForStopMs);
      if (ready == 0 && stop_.stop_requested()) {
        return Failed(
            {ErrorCode::kCancelled, "writing to standard output: stopped"});
      }
      if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
      const ssize_t written = write(file_, buffer_.data() + done, size);
      if (written >= 0) {
        done += static_cast<std::size_t>(written);
        bytes_ += static_cast<std::uint64_t>(written);
      } else if (errno == EPIPE) {
        return Failed({ErrorCode::kUnavailable,
                       "writing to standard output: the program that reads it "
                       "is gone"});
      } else if (errno != EINTR && errno != EAGAIN) {
        return Failed(
            FailWithErrno("writing to standard output", errno).value());
      }
    }
    return {};
  }

  tl::unexpected<Error> Failed(Error error) {
    failed_ = error;
    return tl::unexpected<Error>(std::move(error));
  }

  const FFmpeg& ffmpeg_;
  const int file_;
  const VideoFormat format_;
  const std::stop_token stop_;
  const std::string encoder_ = "y4m";
  std::optional<FrameFitter> fitter_;  // Made for the first frame's colours.
  std::string buffer_;
  bool finished_ = false;
  std::optional<Error> failed_;
  std::atomic<std::uint64_t> frames_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
};

}  // namespace

Result<std::unique_ptr<VideoSink>> OpenY4mSink(int file,
                                               const VideoFormat& format,
                                               std::stop_token stop) {
  const auto ffmpeg = OpenFFmpeg();
  if (!ffmpeg) return ffmpeg.Failure();
  if (format.sound) {
    Log(LogLevel::kWarning, "the sound is left out: the output can't hold it",
        {{"codec", format.sound->codec}, {"output", "-"}});
  }
  return std::make_unique<Y4mSink>(**ffmpeg, file, format, std::move(stop));
}

}  // namespace ocelli
