#include "media/video_source.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

#include "core/ascii.h"
#include "core/file.h"
#include "media/picture_folder.h"
#include "media/reconnecting_source.h"
#include "media/repeating_source.h"
#include "media/stream_source.h"

namespace ocelli {
namespace {

constexpr const char* kKinds =
    "there are files, folders of pictures, rtsp://, rtsps://, rtmp://, "
    "rtmps://, http://, https://, v4l2:/dev/video0, test:640x480@30";

// Containers of video, and those of sound so that they are told from garbage.
// Never hls, concat, image2 or lavfi, which open what they name.
constexpr const char* kContainers =
    "mov,mp4,matroska,webm,avi,flv,mpegts,mpeg,mpegvideo,h264,hevc,m4v,mjpeg,"
    "mpjpeg,ogg,asf,ivf,yuv4mpegpipe,nut,obu,av1,dv,mxf,gif,h263,vc1,"
    "aac,mp3,wav,flac";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// "rtsp" of "rtsp://host/"; empty where there is none.
std::string_view SchemeOf(std::string_view url) {
  const std::size_t colon = url.find(':');
  if (colon == url.npos || colon < 2 || !IsLetter(url.front())) return {};
  const std::string_view scheme = url.substr(0, colon);
  const bool valid = std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return IsLetter(c) || IsDigit(c) || c == '+' || c == '-' || c == '.';
  });
  return valid ? scheme : std::string_view();
}

bool Exists(const std::string& path) {
  struct stat status = {};
  return stat(path.c_str(), &status) == 0;
}

template <typename Base>
Result<std::unique_ptr<VideoSource>> AsVideo(
    Result<std::unique_ptr<Base>> opened) {
  if (!opened) return opened.Failure();
  return std::unique_ptr<VideoSource>(std::move(*opened));
}

Result<std::unique_ptr<VideoSource>> OpenPath(const std::string& path,
                                              const VideoSourceOptions& options,
                                              const std::stop_token& stop) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) {
    return FailWithErrno("opening " + path, errno);
  }
  if (HoldsPictures(path)) return OpenPictureFolder(path, options, stop);
  if (!S_ISREG(status.st_mode)) {
    return Fail(ErrorCode::kInvalidArgument,
                "opening " + path + ": neither a file nor a folder");
  }
  if (status.st_size == 0) {
    return Fail(ErrorCode::kDataLoss, "opening " + path + ": empty file");
  }
  StreamAddress address;
  // The scheme keeps FFmpeg from finding another one in the path.
  address.url = "file:" + path;
  address.shown = path;
  address.protocols = "file";
  address.demuxers = kContainers;
  return AsVideo(OpenStream(address, options, stop));
}

// A number that is all of `text`.
template <typename T>
bool Parse(std::string_view text, T& number) {
  const char* end = text.data() + text.size();
  const auto [read, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && read == end;
}

// From "", "640x480", "@30" or "640x480@30".
Result<StreamAddress> TestPattern(const std::string& url,
                                  const VideoSourceOptions& options) {
  std::string_view text = std::string_view(url).substr(sizeof("test:") - 1);
  int width = 1280, height = 720;
  double rate = options.frame_rate;
  bool good = true;
  if (const std::size_t at = text.find('@'); at != text.npos) {
    good = Parse(text.substr(at + 1), rate);
    text = text.substr(0, at);
  }
  if (!text.empty()) {
    const std::size_t by = std::min(text.find('x'), text.size());
    good = good && by < text.size() && Parse(text.substr(0, by), width) &&
           Parse(text.substr(by + 1), height);
  }
  const VideoLimits& limits = options.limits;
  if (!good || width < 1 || height < 1 || !(rate > 0) || !std::isfinite(rate)) {
    return Fail(ErrorCode::kInvalidArgument,
                "bad test pattern " + url + ", want test:640x480@30");
  }
  if (std::int64_t{width} * height > limits.max_pixels ||
      rate > limits.max_frame_rate) {
    return Fail(ErrorCode::kResourceExhausted,
                "test pattern over the limit of " +
                    std::to_string(limits.max_pixels) + " pixels and " +
                    std::to_string(limits.max_frame_rate) +
                    " frames a second: " + url);
  }
  StreamAddress address;
  address.url = "testsrc2=size=" + std::to_string(width) + "x" +
                std::to_string(height) + ":rate=" + std::to_string(rate) +
                ",format=yuv420p";
  address.shown = url;
  address.demuxers = address.forced_demuxer = "lavfi";
  return address;
}

Result<StreamAddress> AddressOf(const std::string& url,
                                const VideoSourceOptions& options) {
  const std::string scheme = LowerCase(SchemeOf(url));
  StreamAddress address;
  address.url = url;
  address.shown = WithoutSecrets(url);
  const bool with_host = url.compare(scheme.size(), 3, "://") == 0;
  if (with_host && (scheme == "rtsp" || scheme == "rtsps")) {
    address.protocols = "rtp,udp,tcp,tls,rtsp,rtsps";
    address.demuxers = "rtsp";
    address.live = address.rtsp = address.network = true;
    return address;
  }
  if (with_host && (scheme == "rtmp" || scheme == "rtmps")) {
    address.protocols = "rtmp,rtmps,tcp,tls";
    address.demuxers = "flv,live_flv";
    address.live = address.network = true;
    return address;
  }
  if (with_host && (scheme == "http" || scheme == "https")) {
    address.protocols = "http,https,tcp,tls,crypto";
    address.demuxers = std::string("hls,webvtt,ac3,eac3,") + kContainers;
    address.network = true;
    return address;
  }
  if (scheme == "v4l2") {
    address.url = url.substr(sizeof("v4l2:") - 1);
    address.demuxers = address.forced_demuxer = "v4l2";
    address.live = true;
    return address;
  }
  if (scheme == "test") return TestPattern(url, options);
  return Fail(ErrorCode::kInvalidArgument,
              "no such kind of source: " + address.shown + "; " + kKinds);
}

Result<> CheckOptions(const VideoSourceOptions& options) {
  const std::string& decoder = options.decoder;
  if (decoder != "auto" && decoder != "cpu" && decoder != "vaapi" &&
      decoder != "cuda") {
    return Fail(
        ErrorCode::kInvalidArgument,
        "no decoder \"" + decoder + "\"; there are auto, cpu, vaapi and cuda");
  }
  if (!(options.frame_rate > 0) ||
      options.frame_rate > options.limits.max_frame_rate) {
    return Fail(ErrorCode::kInvalidArgument,
                "a frame rate of " + std::to_string(options.frame_rate) +
                    ", want more than 0 and at most " +
                    std::to_string(options.limits.max_frame_rate));
  }
  return {};
}

Result<std::unique_ptr<VideoSource>> OpenOnce(const std::string& url,
                                              const VideoSourceOptions& options,
                                              const std::stop_token& stop) {
  if (stop.stop_requested()) {
    return Fail(ErrorCode::kCancelled,
                "opening " + WithoutSecrets(url) + ": stopped");
  }
  if (url.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                std::string("no source given; ") + kKinds);
  }
  // What lies there is meant, whatever its name looks like.
  if (SchemeOf(url).empty() || Exists(url)) return OpenPath(url, options, stop);
  if (LowerCase(SchemeOf(url)) == "file") {
    return OpenPath(url.substr(sizeof("file:") - 1), options, stop);
  }
  const auto address = AddressOf(url, options);
  if (!address) return address.Failure();
  auto stream = OpenStream(*address, options, stop);
  if (!stream) return stream.Failure();
  if (!(*stream)->info().live) return AsVideo(std::move(stream));
  return MakeReconnectingSource(
      std::move(*stream),
      [address = *address, options](std::stop_token stopped) {
        return OpenStream(address, options, std::move(stopped));
      },
      address->shown, options);
}

}  // namespace

Result<std::unique_ptr<VideoSource>> VideoSource::Open(
    const std::string& url, const VideoSourceOptions& options,
    std::stop_token stop) {
  if (const auto good = CheckOptions(options); !good) return good.Failure();
  auto source = OpenOnce(url, options, stop);
  if (!source || !options.repeat || (*source)->info().live) return source;
  return MakeRepeatingSource(std::move(*source),
                             [url, options](const std::stop_token& stopped) {
                               return OpenOnce(url, options, stopped);
                             });
}

std::string WithoutSecrets(std::string_view url) {
  const std::string scheme = LowerCase(SchemeOf(url));
  if (scheme.empty() || scheme == "file" || scheme == "test" ||
      scheme == "v4l2" || scheme == "hls") {
    return std::string(url);
  }
  std::size_t begin = scheme.size() + 1;
  while (begin < url.size() && url[begin] == '/') ++begin;
  std::string shown(url.substr(0, begin));
  std::string_view rest = url.substr(begin);

  const std::string_view authority =
      rest.substr(0, std::min(rest.find_first_of("/?#"), rest.size()));
  // A password may hold any of / ? # unescaped; then the authority ends early,
  // and what looks like a port is the user's password.
  const bool may_go_on = authority.find(':') != authority.npos;
  const std::size_t at = (may_go_on ? rest : authority).rfind('@');
  if (at != rest.npos) {
    shown += "***@";
    rest = rest.substr(at + 1);
  }
  const std::size_t query = std::min(rest.find_first_of("?#"), rest.size());
  shown += rest.substr(0, query);
  rest = rest.substr(query);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of("&#?", 1), rest.size());
    const std::string_view item = rest.substr(0, end);
    const std::size_t equals = item.find('=');
    // A name alone may be the secret itself.
    shown +=
        equals == item.npos ? item.substr(0, 1) : item.substr(0, equals + 1);
    shown += "***";
    rest = rest.substr(end);
  }
  return shown;
}

}  // namespace ocelli
