#include "media/video_source.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <thread>

#include "media/test_video.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using test::TestVideo;
using test::WriteTestVideo;
using testing::HasSubstr;
using testing::Not;

VideoSourceOptions OnCpu() {
  VideoSourceOptions options;
  options.decoder = "cpu";
  return options;
}

std::string ReadAll(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void WriteAll(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// A listener on loopback that answers every connection with the same bytes
// and then, if told so, says nothing more.
class Server {
 public:
  explicit Server(std::string answer, bool then_silent = false)
      : answer_(std::move(answer)), silent_(then_silent) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    OCELLI_CHECK(bind(listener_, generic, size) == 0 &&
                 listen(listener_, 16) == 0 &&
                 getsockname(listener_, generic, &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~Server() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    for (const int connection : open_) close(connection);
    close(listener_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::string Address(const std::string& scheme,
                      const std::string& rest) const {
    return scheme + "://user:s3cret@127.0.0.1:" + std::to_string(port_) + rest;
  }
  // Blocks until somebody has asked.
  void WaitForRequest() { asked_.wait(false); }

 private:
  void Serve() {
    for (;;) {
      const int connection = accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      char request[4096];
      if (read(connection, request, sizeof(request)) > 0) {
        asked_ = true;
        asked_.notify_all();
        (void)!write(connection, answer_.data(), answer_.size());
      }
      if (silent_) {
        open_.push_back(connection);
      } else {
        close(connection);
      }
    }
  }

  std::string answer_;
  bool silent_;
  int listener_ = socket(AF_INET, SOCK_STREAM, 0);
  int port_ = 0;
  std::atomic<bool> asked_ = false;
  std::vector<int> open_;
  std::thread thread_;
};

class VideoSourceTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ / name; }

  std::string Video(const std::string& name, const TestVideo& video = {}) {
    WriteTestVideo(Path(name), video);
    return Path(name);
  }

  const fs::path folder_ = fs::path(testing::TempDir()) /
                           ("video_source_" + std::to_string(getpid()));
};

std::vector<SourceFrame> AllFrames(VideoSource& source) {
  std::vector<SourceFrame> frames;
  for (;;) {
    auto next = source.Next({});
    EXPECT_TRUE(next) << next.error().message;
    if (!next || !*next) return frames;
    frames.push_back(std::move(**next));
  }
}

void ExpectGrowingFromZero(const std::vector<SourceFrame>& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    EXPECT_EQ(frames[i].frame.sequence, i);
    if (i == 0) {
      EXPECT_EQ(frames[i].frame.time.count(), 0);
    } else {
      EXPECT_GT(frames[i].frame.time, frames[i - 1].frame.time);
    }
  }
}

Error OpenError(const std::string& url, const VideoSourceOptions& options) {
  const auto source = VideoSource::Open(url, options);
  EXPECT_FALSE(source) << url;
  return source ? Error{} : source.error();
}

// Of opening or of reading to the end.
Error ErrorOf(const std::string& url, const VideoSourceOptions& options) {
  const auto source = VideoSource::Open(url, options);
  if (!source) return source.error();
  for (;;) {
    const auto next = (*source)->Next({});
    if (!next) return next.error();
    if (!*next) break;
  }
  ADD_FAILURE() << url << " could be read";
  return {};
}

TEST_F(VideoSourceTest, AFileGivesAllItsFramesWithTheirTimes) {
  const auto source = VideoSource::Open(Video("a.mp4"), OnCpu());
  ASSERT_TRUE(source) << source.error().message;
  const VideoInfo& info = (*source)->info();
  EXPECT_EQ(info.width, 64);
  EXPECT_EQ(info.height, 48);
  EXPECT_NEAR(info.frame_rate, 25, .01);
  EXPECT_FALSE(info.live);
  EXPECT_EQ(info.codec, "mpeg4");
  EXPECT_EQ(info.decoder, "cpu");
  ASSERT_TRUE(info.duration);
  EXPECT_EQ(*info.duration, milliseconds(400));
  const auto frames = AllFrames(**source);
  ASSERT_EQ(frames.size(), 10u);
  ExpectGrowingFromZero(frames);
  EXPECT_EQ(frames[9].frame.time, milliseconds(360));
  const YuvView pixels = frames[9].frame.pixels;
  EXPECT_NEAR(pixels.y[5 * pixels.y_stride + 5], 235, 12);
  EXPECT_NEAR(pixels.y[40 * pixels.y_stride + 50], 16, 12);
  EXPECT_EQ((*source)->counters().frames, 10u);
  EXPECT_EQ((*source)->counters().damaged, 0u);
}

TEST_F(VideoSourceTest, BFramesComeInTheOrderTheyAreShown) {
  for (const std::string name : {"b.mp4", "b.ts", "b.mkv"}) {
    TestVideo video;
    video.encoder = "libx264";
    video.b_frames = 2;
    video.frames = 20;
    const auto source = VideoSource::Open(Video(name, video), OnCpu());
    ASSERT_TRUE(source) << source.error().message;
    const auto frames = AllFrames(**source);
    ASSERT_EQ(frames.size(), 20u) << name;
    ExpectGrowingFromZero(frames);
    EXPECT_EQ(frames[19].frame.time, milliseconds(760)) << name;
  }
}

TEST_F(VideoSourceTest, RotationIsAppliedUpright) {
  struct Case {
    int clockwise;
    bool right, bottom;  // Where the white quarter is then.
  };
  for (const Case& c :
       {Case{90, true, false}, Case{180, true, true}, Case{270, false, true}}) {
    TestVideo video;
    video.clockwise = c.clockwise;
    const auto source = VideoSource::Open(Video("r.mp4", video), OnCpu());
    ASSERT_TRUE(source) << source.error().message;
    const bool lies = c.clockwise != 180;
    EXPECT_EQ((*source)->info().width, lies ? 48 : 64);
    EXPECT_EQ((*source)->info().height, lies ? 64 : 48);
    const auto frames = AllFrames(**source);
    ASSERT_EQ(frames.size(), 10u);
    const YuvView pixels = frames[0].frame.pixels;
    ASSERT_EQ(pixels.width, (*source)->info().width);
    ASSERT_EQ(pixels.height, (*source)->info().height);
    for (const bool right : {false, true}) {
      for (const bool bottom : {false, true}) {
        const int x = pixels.width * (right ? 3 : 1) / 4;
        const int y = pixels.height * (bottom ? 3 : 1) / 4;
        const bool white = right == c.right && bottom == c.bottom;
        EXPECT_NEAR(pixels.y[y * pixels.y_stride + x], white ? 235 : 16, 12)
            << c.clockwise << " " << right << " " << bottom;
      }
    }
  }
}

TEST_F(VideoSourceTest, OtherPixelsAreConvertedWithTheirRange) {
  TestVideo video;
  video.encoder = "mjpeg";
  video.pixels = AV_PIX_FMT_YUVJ444P;
  const auto source = VideoSource::Open(Video("c.avi", video), OnCpu());
  ASSERT_TRUE(source) << source.error().message;
  const auto frames = AllFrames(**source);
  ASSERT_EQ(frames.size(), 10u);
  const YuvView pixels = frames[0].frame.pixels;
  EXPECT_TRUE(pixels.color.full_range);
  EXPECT_EQ(pixels.color.matrix, YuvColor::Matrix::kBt601);
  EXPECT_NEAR(pixels.y[0], 128, 2);
  EXPECT_NEAR(pixels.u[0], 128, 2);
}

TEST_F(VideoSourceTest, OnePixelIsAVideo) {
  TestVideo video;
  video.width = video.height = 1;
  video.encoder = "ffv1";
  video.pixels = AV_PIX_FMT_YUV420P;
  const auto source = VideoSource::Open(Video("one.mkv", video), OnCpu());
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ(AllFrames(**source).size(), 10u);
}

TEST_F(VideoSourceTest, TheSizeMayChangeInMidStream) {
  TestVideo video;
  video.encoder = "libx264";
  const std::string first = ReadAll(Video("1.ts", video));
  video.width = 96;
  video.height = 80;
  const std::string second = ReadAll(Video("2.ts", video));
  WriteAll(Path("both.ts"), first + second);
  const auto source = VideoSource::Open(Path("both.ts"), OnCpu());
  ASSERT_TRUE(source) << source.error().message;
  const auto frames = AllFrames(**source);
  ASSERT_GE(frames.size(), 18u);
  ExpectGrowingFromZero(frames);
  EXPECT_EQ(frames.front().frame.pixels.width(), 64);
  EXPECT_EQ(frames.back().frame.pixels.width(), 96);
  EXPECT_LT(frames.back().frame.time, milliseconds(2500));
}

TEST_F(VideoSourceTest, SoundComesUntouchedOnTheClockOfTheFrames) {
  TestVideo video;
  video.sound = true;
  video.frames = 50;
  const std::string path = Video("s.mp4", video);
  auto options = OnCpu();
  const auto silent = VideoSource::Open(path, options);
  ASSERT_TRUE(silent) << silent.error().message;
  EXPECT_FALSE((*silent)->info().sound);

  options.sound = true;
  const auto source = VideoSource::Open(path, options);
  ASSERT_TRUE(source) << source.error().message;
  ASSERT_TRUE((*source)->info().sound);
  EXPECT_EQ((*source)->info().sound->codec, "aac");
  const auto* parameters = static_cast<const AVCodecParameters*>(
      (*source)->info().sound->parameters.get());
  EXPECT_EQ(parameters->sample_rate, 48000);
  std::vector<SoundPacket> sound;
  for (SourceFrame& frame : AllFrames(**source)) {
    std::move(frame.sound.begin(), frame.sound.end(),
              std::back_inserter(sound));
  }
  for (SoundPacket& packet : (*source)->TakeSound()) sound.push_back(packet);
  // Two seconds in packets of 1024 samples.
  ASSERT_GT(sound.size(), 88u);
  for (std::size_t i = 0; i < sound.size(); ++i) {
    const auto* packet = static_cast<const AVPacket*>(sound[i].packet.get());
    EXPECT_EQ(packet->pts, sound[i].time.count());
    EXPECT_GE(sound[i].time.count(), 0);
    if (i > 0) {
      EXPECT_NEAR(
          static_cast<double>((sound[i].time - sound[i - 1].time).count()),
          1024e6 / 48000, 50);
    }
  }
}

TEST_F(VideoSourceTest, OnlySoundIsAnInvalidArgument) {
  TestVideo video;
  video.sound = true;
  video.picture = false;
  const Error error = OpenError(Video("s.mp4", video), OnCpu());
  EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.message, HasSubstr("only sound"));
}

TEST_F(VideoSourceTest, WhatIsNoVideoIsDataLoss) {
  WriteAll(Path("empty.mp4"), "");
  WriteAll(Path("text.mp4"), std::string(5000, 'x'));
  const std::string whole = ReadAll(Video("whole.mp4"));
  WriteAll(Path("headless.mp4"), whole.substr(0, whole.size() / 2));
  for (const char* name : {"empty.mp4", "text.mp4", "headless.mp4"}) {
    const Error error = ErrorOf(Path(name), OnCpu());
    EXPECT_EQ(error.code, ErrorCode::kDataLoss) << error.message;
    EXPECT_THAT(error.message, HasSubstr(name));
  }
}

TEST_F(VideoSourceTest, AVideoWithoutFramesIsDataLoss) {
  TestVideo video;
  video.frames = 0;
  const Error error = ErrorOf(Video("none.avi", video), OnCpu());
  EXPECT_EQ(error.code, ErrorCode::kDataLoss) << error.message;
}

TEST_F(VideoSourceTest, ATruncatedFileGivesWhatThereIs) {
  TestVideo video;
  video.frames = 50;
  const std::string whole = ReadAll(Video("whole.mkv", video));
  WriteAll(Path("half.mkv"), whole.substr(0, whole.size() / 2));
  const auto source = VideoSource::Open(Path("half.mkv"), OnCpu());
  ASSERT_TRUE(source) << source.error().message;
  const auto frames = AllFrames(**source);
  EXPECT_GT(frames.size(), 5u);
  EXPECT_LT(frames.size(), 45u);
}

TEST_F(VideoSourceTest, DamagedPacketsAreCountedAndPassedOver) {
  TestVideo video;
  video.frames = 50;
  video.encoder = "mjpeg";
  video.pixels = AV_PIX_FMT_YUVJ420P;
  std::string bytes = ReadAll(Video("whole.avi", video));
  // One picture in the middle, but for the eight bytes before the next.
  const std::size_t picture = bytes.find("\xff\xd8\xff", bytes.size() / 2);
  const std::size_t next = bytes.find("\xff\xd8\xff", picture + 1);
  ASSERT_NE(next, bytes.npos);
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(picture),
            bytes.begin() + static_cast<std::ptrdiff_t>(next - 8), '\0');
  WriteAll(Path("damaged.avi"), bytes);
  const auto source = VideoSource::Open(Path("damaged.avi"), OnCpu());
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ(AllFrames(**source).size(), 49u);
  EXPECT_EQ((*source)->counters().damaged, 1u);
}

TEST_F(VideoSourceTest, FlippedBytesNeverCrash) {
  TestVideo video;
  video.sound = true;
  for (const std::string name : {"f.mp4", "f.mkv", "f.ts"}) {
    const std::string whole = ReadAll(Video(name, video));
    auto options = OnCpu();
    options.sound = true;
    for (std::size_t at = 0; at < whole.size(); at += whole.size() / 40 + 1) {
      std::string flipped = whole;
      for (std::size_t i = at; i < std::min(at + 4, whole.size()); ++i) {
        flipped[i] = static_cast<char>(~flipped[i]);
      }
      WriteAll(Path("flipped"), flipped);
      const auto source = VideoSource::Open(Path("flipped"), options);
      if (!source) continue;
      std::chrono::microseconds last(-1);
      for (int i = 0; i < 200; ++i) {
        const auto next = (*source)->Next({});
        if (!next || !*next) break;
        EXPECT_GT((*next)->frame.time, last);
        last = (*next)->frame.time;
      }
    }
  }
}

TEST_F(VideoSourceTest, LimitsHoldBeforeAnythingIsDecoded) {
  TestVideo video;
  video.sound = true;
  const std::string path = Video("l.mp4", video);
  auto options = OnCpu();
  options.limits.max_pixels = 64 * 48 - 1;
  EXPECT_EQ(OpenError(path, options).code, ErrorCode::kResourceExhausted);
  video.encoder = "libx264";
  EXPECT_EQ(OpenError(Video("h.mp4", video), options).code,
            ErrorCode::kResourceExhausted);
  EXPECT_EQ(OpenError(Video("h.ts", video), options).code,
            ErrorCode::kResourceExhausted);
  options = OnCpu();
  options.frame_rate = options.limits.max_frame_rate = 24;
  EXPECT_EQ(OpenError(path, options).code, ErrorCode::kResourceExhausted);
  options = OnCpu();
  options.limits.max_streams = 1;
  EXPECT_EQ(OpenError(path, options).code, ErrorCode::kResourceExhausted);
}

TEST_F(VideoSourceTest, APlaylistInAFileIsRefused) {
  const std::string video = Video("a.ts");
  WriteAll(Path("a.m3u8"), "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n" +
                               video + "\n#EXT-X-ENDLIST\n");
  WriteAll(Path("a.ffconcat"), "ffconcat version 1.0\nfile a.ts\n");
  for (const char* name : {"a.m3u8", "a.ffconcat"}) {
    EXPECT_EQ(ErrorOf(Path(name), OnCpu()).code, ErrorCode::kDataLoss);
  }
}

TEST_F(VideoSourceTest, AFetchedPlaylistCantNameALocalFile) {
  const std::string video = Video("a.ts");
  for (const std::string prefix :
       {"file:", "", "subfile,,start,0,end,0,,:", "concat:", "data:"}) {
    const std::string playlist =
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n" + prefix + video +
        "\n#EXT-X-ENDLIST\n";
    const Server server(
        "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apple.mpegurl\r\n"
        "Content-Length: " +
        std::to_string(playlist.size()) + "\r\nConnection: close\r\n\r\n" +
        playlist);
    auto options = OnCpu();
    options.reconnects = 0;
    const Error error =
        ErrorOf(server.Address("http", "/a.m3u8?token=s3cret"), options);
    EXPECT_THAT(error.message, Not(HasSubstr("s3cret")));
  }
}

TEST_F(VideoSourceTest, AVideoComesOverHttp) {
  const std::string bytes = ReadAll(Video("a.ts"));
  const Server server(
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(bytes.size()) +
      "\r\nConnection: close\r\n\r\n" + bytes);
  auto options = OnCpu();
  options.reconnects = 0;
  const auto source = VideoSource::Open(server.Address("http", "/a"), options);
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ(AllFrames(**source).size(), 10u);
}

TEST_F(VideoSourceTest, AWrongPasswordIsPermissionDeniedAndNotShown) {
  const Server http("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
  const Server rtsp("RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n\r\n");
  for (const std::string& url :
       {http.Address("http", "/a"), rtsp.Address("rtsp", "/a")}) {
    const Error error = OpenError(url, OnCpu());
    EXPECT_EQ(error.code, ErrorCode::kPermissionDenied) << error.message;
    EXPECT_THAT(error.message, Not(HasSubstr("s3cret")));
    EXPECT_THAT(error.message, HasSubstr("***@127.0.0.1"));
  }
}

TEST_F(VideoSourceTest, SilenceEndsWithTheDeadline) {
  const Server server("", true);
  auto options = OnCpu();
  options.open_timeout = milliseconds(50);
  for (const char* scheme : {"rtsp", "rtmp", "http"}) {
    const Error error = OpenError(server.Address(scheme, "/a"), options);
    EXPECT_EQ(error.code, ErrorCode::kDeadlineExceeded) << error.message;
  }
}

TEST_F(VideoSourceTest, StopEndsABlockedOpen) {
  for (const char* scheme : {"rtsp", "rtmp", "http"}) {
    Server server("", true);
    std::stop_source stop;
    std::chrono::steady_clock::time_point asked;
    std::thread stopper([&] {
      server.WaitForRequest();
      asked = std::chrono::steady_clock::now();
      stop.request_stop();
    });
    const auto source = VideoSource::Open(server.Address(scheme, "/a"), OnCpu(),
                                          stop.get_token());
    const auto ended = std::chrono::steady_clock::now();
    stopper.join();
    ASSERT_FALSE(source);
    EXPECT_EQ(source.error().code, ErrorCode::kCancelled);
    EXPECT_LT(ended - asked, milliseconds(2000)) << scheme;
  }
}

TEST_F(VideoSourceTest, StopEndsABlockedRead) {
  TestVideo video;
  video.frames = 50;
  const Server server("HTTP/1.1 200 OK\r\n\r\n" + ReadAll(Video("a.ts", video)),
                      true);
  auto source = VideoSource::Open(server.Address("http", "/a"), OnCpu());
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_TRUE((*source)->info().live);
  std::stop_source stop;
  std::atomic<bool> some_came = false;
  std::chrono::steady_clock::time_point asked;
  std::thread stopper([&] {
    some_came.wait(false);
    asked = std::chrono::steady_clock::now();
    stop.request_stop();
  });
  int frames = 0;
  for (;;) {
    const auto next = (*source)->Next(stop.get_token());
    if (!next) {
      EXPECT_EQ(next.error().code, ErrorCode::kCancelled);
      break;
    }
    ASSERT_TRUE(*next);
    // The last frames stay in the parser until more comes.
    if (++frames == 40) {
      some_came = true;
      some_came.notify_all();
    }
  }
  const auto ended = std::chrono::steady_clock::now();
  some_came = true;
  some_came.notify_all();
  stopper.join();
  EXPECT_GE(frames, 40);
  EXPECT_LT(ended - asked, milliseconds(2000));
}

TEST_F(VideoSourceTest, TheTestPatternHasTheSizeAndRateAskedFor) {
  const auto source = VideoSource::Open("test:320x240@50", OnCpu());
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ((*source)->info().width, 320);
  EXPECT_EQ((*source)->info().height, 240);
  EXPECT_NEAR((*source)->info().frame_rate, 50, .01);
  for (int i = 0; i < 5; ++i) {
    const auto next = (*source)->Next({});
    ASSERT_TRUE(next) << next.error().message;
    ASSERT_TRUE(*next);
    EXPECT_EQ((*next)->frame.time, milliseconds(20) * i);
    EXPECT_EQ((*next)->frame.pixels.width(), 320);
  }
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ((*source)->Next(stop.get_token()).error().code,
            ErrorCode::kCancelled);
}

TEST_F(VideoSourceTest, BadUrlsSayWhatThereIs) {
  for (const char* url : {"", "ftp://host/a", "concat:a|b", "lavfi:testsrc",
                          "test:0x10", "test:10", "test:10x10@0",
                          "test:10x10@nan", "test:10x10:x=y", "rtsp:host"}) {
    const Error error = OpenError(url, OnCpu());
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument) << url;
  }
  EXPECT_THAT(OpenError("ftp://u:p@host/", OnCpu()).message,
              testing::AllOf(HasSubstr("rtsp://"), Not(HasSubstr("u:p"))));
  EXPECT_EQ(OpenError("test:99999x99999", OnCpu()).code,
            ErrorCode::kResourceExhausted);
  EXPECT_EQ(OpenError(Path("nothing.mp4"), OnCpu()).code, ErrorCode::kNotFound);
  EXPECT_EQ(OpenError("/dev/null", OnCpu()).code, ErrorCode::kInvalidArgument);
  auto options = OnCpu();
  options.decoder = "quantum";
  EXPECT_THAT(OpenError("test:", options).message, HasSubstr("vaapi"));
}

TEST_F(VideoSourceTest, AutoAlwaysFindsADecoder) {
  VideoSourceOptions options;
  options.decoder = "auto";
  TestVideo video;
  video.encoder = "libx264";
  const auto source = VideoSource::Open(Video("a.mp4", video), options);
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ(AllFrames(**source).size(), 10u);
}

TEST(WithoutSecrets, HidesUserPasswordAndQuery) {
  EXPECT_EQ(WithoutSecrets("rtsp://u:p@host:554/a"), "rtsp://***@host:554/a");
  EXPECT_EQ(WithoutSecrets("rtsp://host:554/a"), "rtsp://host:554/a");
  EXPECT_EQ(WithoutSecrets("https://h/a?token=x&b=y"),
            "https://h/a?token=***&b=***");
  EXPECT_EQ(WithoutSecrets("https://h/a?secret"), "https://h/a?***");
  EXPECT_EQ(WithoutSecrets("https://h/a@2x.mp4"), "https://h/a@2x.mp4");
  for (const char* url :
       {"rtsp://u:p/q@host/", "rtsp://u:p?q@host/", "rtsp://u:p#q@host/",
        "rtsp://u:p@q@host/", "RTSP://u:pq@host/", "rtsp:u:pq@host",
        "rtsp://u:1/pq@host/a?b=c"}) {
    const std::string shown = WithoutSecrets(url);
    EXPECT_THAT(shown.substr(4), Not(HasSubstr("p"))) << url;
  }
  EXPECT_EQ(WithoutSecrets("/home/u@h/a?b=c.mp4"), "/home/u@h/a?b=c.mp4");
  EXPECT_EQ(WithoutSecrets(""), "");
}

}  // namespace
}  // namespace ocelli
