#include "media/video_sink.h"

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/ascii.h"
#include "media/muxer_sink.h"
#include "media/y4m_sink.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxSide = 16384;  // What H.264's and VP9's encoders take.

struct Ending {
  std::string_view text;
  const char* format;
};
constexpr Ending kEndings[] = {
    {".mp4", "mp4"}, {".mov", "mov"}, {".mkv", "matroska"}, {".webm", "webm"}};

// Absolute, so that FFmpeg sees no protocol in "a:b.mp4".
Result<std::string> AbsolutePath(const std::string& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  if (error || path.empty() || path.find('\0') != path.npos) {
    return Fail(ErrorCode::kInvalidArgument, "no path: \"" + path + "\"");
  }
  return absolute.string();
}

Result<MuxerTarget> PathTarget(MuxerTarget::Kind kind, const char* format,
                               const std::string& path) {
  auto absolute = AbsolutePath(path);
  if (!absolute) return absolute.Failure();
  return MuxerTarget{kind, format, std::move(*absolute), path};
}

Result<MuxerTarget> TargetOf(const std::string& url) {
  using Kind = MuxerTarget::Kind;
  const std::string lower = LowerCase(url);
  for (const std::string_view scheme : {"rtmp://", "rtmps://"}) {
    if (lower.starts_with(scheme)) {
      return MuxerTarget{Kind::kRtmp, "flv", url, WithoutSecrets(url)};
    }
  }
  for (const std::string_view scheme : {"rtsp://", "rtsps://"}) {
    if (lower.starts_with(scheme)) {
      return MuxerTarget{Kind::kRtsp, "rtsp", url, WithoutSecrets(url)};
    }
  }
  if (lower.starts_with("hls:")) {
    return PathTarget(Kind::kHls, "hls", url.substr(4));
  }
  if (lower.find("://") == lower.npos) {
    for (const Ending& ending : kEndings) {
      if (lower.ends_with(ending.text)) {
        return PathTarget(Kind::kFile, ending.format,
                          lower.starts_with("file:") ? url.substr(5) : url);
      }
    }
  }
  return Fail(ErrorCode::kInvalidArgument,
              "no such kind of output: " + WithoutSecrets(url) +
                  "; there are NAME.mp4, NAME.mov, NAME.mkv, NAME.webm, "
                  "rtmp://, rtmps://, rtsp://, rtsps://, hls:FOLDER and - "
                  "(Y4M on standard output)");
}

}  // namespace

Result<std::unique_ptr<VideoSink>> VideoSink::Open(
    const std::string& url, const VideoFormat& format,
    const VideoSinkOptions& options, std::stop_token stop) {
  if (format.width <= 0 || format.height <= 0 || format.width > kMaxSide ||
      format.height > kMaxSide) {
    return Fail(ErrorCode::kInvalidArgument,
                "can't write a video of " + std::to_string(format.width) + "x" +
                    std::to_string(format.height) + " pixels: sides are 1 to " +
                    std::to_string(kMaxSide));
  }
  if (!std::isfinite(options.keyframe_seconds) ||
      options.keyframe_seconds <= 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "seconds from key frame to key frame must be more than 0: " +
                    std::to_string(options.keyframe_seconds));
  }
  if (url == "-") return OpenY4mSink(STDOUT_FILENO, format, std::move(stop));
  auto target = TargetOf(url);
  if (!target) return target.Failure();
  return OpenMuxerSink(std::move(*target), format, options, std::move(stop));
}

}  // namespace ocelli
