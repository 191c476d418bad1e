#include "media/video_sink.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "media/test_readback.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using test::FrameAt;
using test::MeanDifference;
using test::Moving;
using test::Read;
using test::Readback;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kStep = 40'000;  // 25 frames a second.

class VideoSinkTest : public testing::Test {
 protected:
  VideoSinkTest() {
    std::string name = (fs::temp_directory_path() / "ocelli-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~VideoSinkTest() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) { return folder_ / name; }

  std::unique_ptr<VideoSink> Open(const std::string& url, VideoFormat format,
                                  VideoSinkOptions options = {}) {
    options.encoder = options.encoder == "auto" && !url.ends_with(".webm")
                          ? "x264"
                          : options.encoder;
    options.preset = "ultrafast";
    auto sink = VideoSink::Open(url, format, options);
    EXPECT_TRUE(sink) << sink.error().message;
    return sink ? std::move(*sink) : nullptr;
  }

  void WriteFrames(VideoSink& sink, int width, int height, int count) {
    for (int i = 0; i < count; ++i) {
      const auto written =
          sink.Write(FrameAt(Moving(width, height, i), i * kStep));
      ASSERT_TRUE(written) << written.error().message;
    }
  }

  fs::path folder_;
};

class FileSink : public VideoSinkTest,
                 public testing::WithParamInterface<const char*> {};

TEST_P(FileSink, FramesComeBackInNumberTimeAndColour) {
  const std::string path = Path(std::string("out") + GetParam());
  auto sink = Open(path, {.width = 64, .height = 48, .frame_rate = 25});
  ASSERT_TRUE(sink);
  WriteFrames(*sink, 64, 48, 30);
  ASSERT_TRUE(sink->Finish());
  EXPECT_EQ(sink->counters().frames, 30u);
  EXPECT_EQ(sink->counters().bytes, fs::file_size(path));
  sink.reset();
  const Readback back = Read(path);
  ASSERT_EQ(back.frames.size(), 30u);
  for (int i = 0; i < 30; ++i) {
    const auto at = static_cast<std::size_t>(i);
    EXPECT_NEAR(static_cast<double>(back.times[at] - back.times[0]), i * kStep,
                500);
    const YuvImage sent = Moving(64, 48, i);
    EXPECT_EQ(back.frames[at].color(), sent.color());
    EXPECT_LT(MeanDifference(back.frames[at].view().LumaPlane(),
                             sent.view().LumaPlane()),
              4);
    EXPECT_LT(
        MeanDifference(back.frames[at].view().UPlane(), sent.view().UPlane()),
        4);
    EXPECT_LT(
        MeanDifference(back.frames[at].view().VPlane(), sent.view().VPlane()),
        4);
  }
}

TEST_P(FileSink, PlaysAsFarAsItWasWrittenWithoutFinish) {
  const std::string path = Path(std::string("out") + GetParam());
  auto sink = Open(path, {.width = 64, .height = 48, .frame_rate = 25});
  ASSERT_TRUE(sink);
  WriteFrames(*sink, 64, 48, 100);
  // A copy now is what a killed process leaves behind.
  fs::copy_file(path, Path(std::string("killed") + GetParam()));
  EXPECT_GE(Read(Path(std::string("killed") + GetParam())).frames.size(), 80u);
  sink.reset();
  EXPECT_GE(Read(path).frames.size(), 80u);
}

TEST_P(FileSink, CutAtAnyByteItPlaysAsFar) {
  const std::string path = Path(std::string("out") + GetParam());
  auto sink = Open(path, {.width = 64, .height = 48, .frame_rate = 25});
  ASSERT_TRUE(sink);
  WriteFrames(*sink, 64, 48, 100);
  ASSERT_TRUE(sink->Finish());
  const std::string whole = test::Bytes(path);
  std::mt19937 random(7);
  for (int i = 0; i < 8; ++i) {
    const std::size_t size = whole.size() / 2 + random() % (whole.size() / 2);
    const std::string cut = Path(std::string("cut") + GetParam());
    std::ofstream(cut, std::ios::binary) << whole.substr(0, size);
    EXPECT_GE(Read(cut).frames.size(), 30u) << size << " of " << whole.size();
  }
}

TEST_P(FileSink, OddSizesAreRoundedUp) {
  for (const auto& [width, height] : {std::pair(1, 1), std::pair(3, 5)}) {
    const std::string path = Path(std::string("odd") + GetParam());
    auto sink = Open(path, {.width = width, .height = height});
    ASSERT_TRUE(sink);
    WriteFrames(*sink, width, height, 5);
    const auto finished = sink->Finish();
    ASSERT_TRUE(finished) << finished.error().message;
    const Readback back = Read(path);
    ASSERT_EQ(back.frames.size(), 5u);
    EXPECT_EQ(back.frames[0].width(), width + 1);
    EXPECT_EQ(back.frames[0].height(), height + 1);
    EXPECT_NEAR(back.frames[0].view().y[0], 40, 12);
  }
}

TEST_P(FileSink, TimesThatDoNotGrowMoveOn) {
  const std::string path = Path(std::string("times") + GetParam());
  auto sink = Open(path, {.width = 32, .height = 32});
  ASSERT_TRUE(sink);
  for (const std::int64_t time : {0, 40'000, 40'000, 10, 200'000, 1'200'000}) {
    const auto written = sink->Write(FrameAt(Moving(32, 32, 0), time));
    ASSERT_TRUE(written) << written.error().message;
  }
  ASSERT_TRUE(sink->Finish());
  const Readback back = Read(path);
  ASSERT_EQ(back.times.size(), 6u);
  const std::int64_t expected[] = {0,      40'000,  41'000,
                                   42'000, 200'000, 1'200'000};
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(static_cast<double>(back.times[i] - back.times[0]),
                static_cast<double>(expected[i]), 500);
  }
}

TEST_P(FileSink, NoFrameAtAllIsAnEmptyVideo) {
  const std::string path = Path(std::string("empty") + GetParam());
  auto sink = Open(path, {.width = 32, .height = 32});
  ASSERT_TRUE(sink);
  const auto finished = sink->Finish();
  ASSERT_TRUE(finished) << finished.error().message;
  EXPECT_GT(fs::file_size(path), 0u);
  EXPECT_EQ(sink->Finish().error().code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(sink->Write(FrameAt(Moving(32, 32, 0), 0)).error().code,
            ErrorCode::kFailedPrecondition);
}

TEST_P(FileSink, AFullDiskIsSaidAndWhatWasWrittenPlays) {
  const std::string path = Path(std::string("full") + GetParam());
  auto sink = Open(path, {.width = 64, .height = 64});
  ASSERT_TRUE(sink);
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small = {64 << 10, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  Result<> written = {};
  std::mt19937 random(3);
  for (int i = 0; i < 1000 && written; ++i) {
    YuvImage noise(64, 64, {});
    const MutableYuvView view = noise.MutableView();
    for (int at = 0; at < 64 * 64; ++at) {
      view.y[at / 64 * view.y_stride + at % 64] =
          static_cast<std::uint8_t>(random());
    }
    for (int row = 0; row < 32; ++row) {
      std::fill_n(view.UPlane().Row(row), 32, std::uint8_t{128});
      std::fill_n(view.VPlane().Row(row), 32, std::uint8_t{128});
    }
    written = sink->Write(FrameAt(noise, i * kStep));
  }
  const auto finished = sink->Finish();
  sink.reset();
  setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kResourceExhausted)
      << written.error().message;
  EXPECT_THAT(written.error().message, HasSubstr("full"));
  EXPECT_EQ(finished.error().code, ErrorCode::kResourceExhausted);
  EXPECT_GE(Read(path).frames.size(), 3u);
}

INSTANTIATE_TEST_SUITE_P(Containers, FileSink,
                         testing::Values(".mp4", ".mov", ".mkv", ".webm"));

TEST_F(VideoSinkTest, LookAheadWritesEveryFrameInOrder) {
  const std::string path = Path("ahead.mp4");
  VideoSinkOptions options;
  options.encoder = "x264";
  options.low_latency = false;
  auto sink = VideoSink::Open(path, {.width = 64, .height = 48}, options);
  ASSERT_TRUE(sink) << sink.error().message;
  EXPECT_EQ((*sink)->encoder(), "x264");
  WriteFrames(**sink, 64, 48, 130);
  ASSERT_TRUE((*sink)->Finish());
  const Readback back = Read(path);
  ASSERT_EQ(back.frames.size(), 130u);
  for (std::size_t i = 0; i < back.times.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(back.times[i] - back.times[0]),
                static_cast<double>(i) * kStep, 50);
  }
  EXPECT_LT(MeanDifference(back.frames[77].view().LumaPlane(),
                           Moving(64, 48, 77).view().LumaPlane()),
            4);
}

TEST_F(VideoSinkTest, KeyFramesComeByTimeAlsoWhenTheRateIsLower) {
  const std::string path = Path("keys.mp4");
  VideoSinkOptions options;
  options.keyframe_seconds = 1;
  auto sink =
      Open(path, {.width = 32, .height = 32, .frame_rate = 60}, options);
  ASSERT_TRUE(sink);
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(sink->Write(FrameAt(Moving(32, 32, 0), i * 200'000)));
  }
  ASSERT_TRUE(sink->Finish());
  const Readback back = Read(path);
  EXPECT_GE(back.keyframes.size(), 8u);
  for (std::size_t i = 1; i < back.keyframes.size(); ++i) {
    EXPECT_LE(back.keyframes[i] - back.keyframes[i - 1], 1'000'100);
  }
}

TEST_F(VideoSinkTest, AnotherSizeIsFittedWithBlackBeside) {
  const std::string path = Path("fit.mp4");
  auto sink = Open(path, {.width = 128, .height = 64});
  ASSERT_TRUE(sink);
  YuvImage bright(32, 32, {YuvColor::Matrix::kBt601, false});
  const MutableYuvView view = bright.MutableView();
  for (int row = 0; row < 32; ++row) {
    std::fill_n(view.LumaPlane().Row(row), 32, std::uint8_t{200});
  }
  for (int row = 0; row < 16; ++row) {
    std::fill_n(view.UPlane().Row(row), 16, std::uint8_t{128});
    std::fill_n(view.VPlane().Row(row), 16, std::uint8_t{128});
  }
  ASSERT_TRUE(sink->Write(FrameAt(bright, 0)));
  ASSERT_TRUE(sink->Write(FrameAt(Moving(1, 1, 0), kStep)));
  ASSERT_TRUE(sink->Write(FrameAt(Moving(1, 4000, 0), 2 * kStep)));
  EXPECT_EQ(sink->Write(FrameAt(YuvImage(), 3 * kStep)).error().code,
            ErrorCode::kInvalidArgument);
  sink.reset();
  auto again = Open(path, {.width = 128, .height = 64});
  ASSERT_TRUE(again->Write(FrameAt(bright, 0)));
  ASSERT_TRUE(again->Finish());
  const Readback back = Read(path);
  ASSERT_EQ(back.frames.size(), 1u);
  const ImageView luma = back.frames[0].view().LumaPlane();
  EXPECT_NEAR(luma.Row(32)[64], 200, 8);
  EXPECT_NEAR(luma.Row(2)[36], 200, 12);
  EXPECT_NEAR(luma.Row(32)[8], 16, 8);
  EXPECT_NEAR(luma.Row(32)[120], 16, 8);
}

TEST_F(VideoSinkTest, LaterFramesOfOtherColoursAreConverted) {
  const std::string path = Path("colours.mp4");
  auto sink = Open(path, {.width = 64, .height = 64});
  ASSERT_TRUE(sink);
  const auto flat = [](YuvColor color, std::uint8_t value) {
    YuvImage image(64, 64, color);
    const MutableYuvView view = image.MutableView();
    for (int row = 0; row < 64; ++row) {
      std::fill_n(view.LumaPlane().Row(row), 64, value);
    }
    for (int row = 0; row < 32; ++row) {
      std::fill_n(view.UPlane().Row(row), 32, std::uint8_t{128});
      std::fill_n(view.VPlane().Row(row), 32, std::uint8_t{128});
    }
    return image;
  };
  const YuvColor full = {YuvColor::Matrix::kBt709, true};
  const YuvColor limited = {YuvColor::Matrix::kBt601, false};
  ASSERT_TRUE(sink->Write(FrameAt(flat(full, 255), 0)));
  ASSERT_TRUE(sink->Write(FrameAt(flat(limited, 235), kStep)));
  ASSERT_TRUE(sink->Finish());
  const Readback back = Read(path);
  ASSERT_EQ(back.frames.size(), 2u);
  EXPECT_EQ(back.frames[0].color(), full);
  EXPECT_NEAR(back.frames[1].view().y[10], 255, 3);
}

TEST_F(VideoSinkTest, BitrateIsKept) {
  const std::string path = Path("rate.mkv");
  VideoSinkOptions options;
  options.bitrate = 200'000;
  auto sink = Open(path, {.width = 320, .height = 240}, options);
  ASSERT_TRUE(sink);
  WriteFrames(*sink, 320, 240, 75);
  ASSERT_TRUE(sink->Finish());
  EXPECT_LT(fs::file_size(path), 2u * 200'000 / 8 * 3);
  EXPECT_EQ(Read(path).frames.size(), 75u);
}

TEST_F(VideoSinkTest, AnHlsFolderIsMadeAndPlays) {
  const std::string folder = Path("new/folder");
  VideoSinkOptions options;
  options.low_latency = false;
  options.keyframe_seconds = 1;
  auto sink = Open("hls:" + folder, {.width = 64, .height = 48}, options);
  ASSERT_TRUE(sink);
  WriteFrames(*sink, 64, 48, 120);
  ASSERT_TRUE(sink->Finish());
  EXPECT_GT(sink->counters().bytes, 0u);
  EXPECT_TRUE(fs::exists(folder + "/segment000000.ts"));
  EXPECT_TRUE(fs::exists(folder + "/segment000003.ts"));
  for (const auto& entry : fs::directory_iterator(folder)) {
    EXPECT_NE(entry.path().extension(), ".tmp") << entry.path();
  }
  const std::string playlist = test::Bytes(folder + "/index.m3u8");
  EXPECT_THAT(playlist, HasSubstr("#EXT-X-ENDLIST"));
  EXPECT_THAT(playlist, Not(HasSubstr(folder)));
  EXPECT_EQ(Read(folder + "/index.m3u8").frames.size(), 120u);
}

TEST_F(VideoSinkTest, ALiveHlsFolderKeepsOnlyTheLastSegments) {
  const std::string folder = Path("live");
  VideoSinkOptions options;
  options.keyframe_seconds = 0.4;
  auto sink = Open("hls:" + folder, {.width = 32, .height = 32}, options);
  ASSERT_TRUE(sink);
  WriteFrames(*sink, 32, 32, 300);
  const auto files = std::distance(fs::directory_iterator(folder), {});
  EXPECT_LE(files, 12);
  EXPECT_GE(files, 6);
  EXPECT_FALSE(fs::exists(folder + "/segment000000.ts"));
  sink.reset();
  EXPECT_THAT(test::Bytes(folder + "/index.m3u8"),
              Not(HasSubstr("#EXT-X-ENDLIST")));
}

// Packets of MP3, whose bytes come back as they are.
TEST_F(VideoSinkTest, SoundGoesThroughUntouchedAndInTime) {
  const FFmpeg& ffmpeg = **OpenFFmpeg();
  const std::shared_ptr<AVCodecParameters> parameters(
      ffmpeg.avcodec_parameters_alloc(),
      [&](AVCodecParameters* p) { ffmpeg.avcodec_parameters_free(&p); });
  parameters->codec_type = AVMEDIA_TYPE_AUDIO;
  parameters->codec_id = AV_CODEC_ID_MP3;
  parameters->sample_rate = 48'000;
  parameters->ch_layout.nb_channels = 1;
  parameters->ch_layout.order = AV_CHANNEL_ORDER_NATIVE;
  parameters->ch_layout.u.mask = AV_CH_LAYOUT_MONO;
  parameters->frame_size = 1152;
  VideoFormat format = {.width = 64, .height = 48};
  format.sound = SoundFormat{parameters, "mp3"};
  const auto sound_at = [&](std::int64_t time, char letter) {
    const std::shared_ptr<AVPacket> packet(ffmpeg.av_packet_alloc(),
                                           FFmpegFree{&ffmpeg});
    static std::vector<std::unique_ptr<std::string>> kept;
    // An MPEG-1 layer III frame header: 64 kbit/s, 48 kHz, mono.
    kept.push_back(std::make_unique<std::string>(
        std::string("\xff\xfb\x54\xc4") + std::string(188, letter)));
    packet->data = reinterpret_cast<std::uint8_t*>(kept.back()->data());
    packet->size = static_cast<int>(kept.back()->size());
    packet->pts = packet->dts = time;
    packet->duration = 24'000;
    packet->flags = AV_PKT_FLAG_KEY;
    return SoundPacket{packet, std::chrono::microseconds(time)};
  };
  for (const char* name : {"sound.mp4", "sound.mkv"}) {
    auto sink = Open(Path(name), format);
    ASSERT_TRUE(sink);
    for (int i = 0; i < 25; ++i) {
      SourceFrame frame = FrameAt(Moving(64, 48, i), i * 48'000);
      frame.sound = {sound_at(i * 48'000, 'a'),
                     sound_at(i * 48'000 + 24'000, 'b'), SoundPacket{}};
      ASSERT_TRUE(sink->Write(frame));
    }
    // What a new connection repeats is left out.
    ASSERT_TRUE(sink->WriteSound({sound_at(24'000, 'x')}));
    ASSERT_TRUE(sink->WriteSound({sound_at(1'200'000, 'c')}));
    ASSERT_TRUE(sink->Finish());
    const Readback back = Read(Path(name));
    EXPECT_EQ(back.frames.size(), 25u);
    ASSERT_EQ(back.sound.size(), 51u) << name;
    for (std::size_t i = 0; i < 51; ++i) {
      EXPECT_EQ(back.sound[i].size(), 192u);
      EXPECT_EQ(back.sound[i].back(), i == 50 ? 'c' : i % 2 ? 'b' : 'a');
      EXPECT_NEAR(static_cast<double>(back.sound_times[i] - back.times[0]),
                  static_cast<double>(i) * 24'000, 600);
    }
  }
  // WebM holds no MP3: the picture goes on without it.
  auto sink = Open(Path("sound.webm"), format);
  ASSERT_TRUE(sink);
  SourceFrame frame = FrameAt(Moving(64, 48, 0), 0);
  frame.sound = {sound_at(0, 'a')};
  ASSERT_TRUE(sink->Write(frame));
  ASSERT_TRUE(sink->Finish());
  const Readback back = Read(Path("sound.webm"));
  EXPECT_EQ(back.frames.size(), 1u);
  EXPECT_TRUE(back.sound.empty());
}

TEST_F(VideoSinkTest, WhatCanNotBeIsSaid) {
  const auto code = [&](const std::string& url, VideoSinkOptions options = {},
                        VideoFormat wanted = {.width = 32, .height = 32}) {
    const auto sink = VideoSink::Open(url, wanted, options);
    return sink ? std::pair(ErrorCode::kInternal, std::string("opened"))
                : std::pair(sink.error().code, sink.error().message);
  };
  VideoSinkOptions x264;
  x264.encoder = "x264";
  for (const std::string& url :
       {std::string("out.avi"), std::string("out"),
        std::string("ftp://host/a.mp4"), std::string("")}) {
    const auto [kind, message] = code(url);
    EXPECT_EQ(kind, ErrorCode::kInvalidArgument) << url << message;
    EXPECT_THAT(message, HasSubstr(".webm"));
  }
  VideoSinkOptions unknown;
  unknown.encoder = "h265";
  EXPECT_EQ(code(Path("a.mp4"), unknown).first, ErrorCode::kInvalidArgument);
  EXPECT_THAT(code(Path("a.mp4"), unknown).second, HasSubstr("x264"));
  EXPECT_FALSE(fs::exists(Path("a.mp4")));
  EXPECT_EQ(code(Path("a.webm"), x264).first, ErrorCode::kInvalidArgument);
  VideoSinkOptions preset = x264;
  preset.preset = "quickest";
  EXPECT_EQ(code(Path("a.mp4"), preset).first, ErrorCode::kInvalidArgument);
  EXPECT_THAT(code(Path("a.mp4"), preset).second, HasSubstr("veryfast"));
  EXPECT_EQ(code(Path("no/such/a.mp4"), x264).first, ErrorCode::kNotFound);
  EXPECT_EQ(code(folder_.string() + ".mp4/", x264).first,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code("hls:" + Path("100%d"), x264).first,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code("hls:/proc/nowhere", x264).first, ErrorCode::kNotFound);
  for (const auto& [width, height] :
       {std::pair(0, 32), std::pair(32, -1), std::pair(1 << 30, 1 << 30)}) {
    EXPECT_EQ(
        code(Path("a.mp4"), x264, {.width = width, .height = height}).first,
        ErrorCode::kInvalidArgument);
  }
  VideoSinkOptions keys = x264;
  keys.keyframe_seconds = std::nan("");
  EXPECT_EQ(code(Path("a.mp4"), keys).first, ErrorCode::kInvalidArgument);
}

TEST_F(VideoSinkTest, AutoFindsAnEncoderThatWorks) {
  const auto sink = VideoSink::Open(
      Path("a.mp4"), {.width = 320, .height = 240, .frame_rate = std::nan("")},
      {});
  ASSERT_TRUE(sink) << sink.error().message;
  WriteFrames(**sink, 320, 240, 3);
  ASSERT_TRUE((*sink)->Finish());
  EXPECT_EQ(Read(Path("a.mp4")).frames.size(), 3u);
}

// A listener that says nothing: what a dead server looks like.
class SilentServer {
 public:
  SilentServer() : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    listen(socket_, 8);
    socklen_t size = sizeof(address);
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { close(socket_); }
  std::string Url(const std::string& scheme) const {
    return scheme + "://user:secret@127.0.0.1:" + std::to_string(port_) +
           "/live/cam";
  }

 private:
  int socket_;
  int port_ = 0;
};

TEST_F(VideoSinkTest, ASilentServerEndsInTimeAndKeepsThePasswordSecret) {
  const SilentServer server;
  for (const char* scheme : {"rtmp", "rtsp"}) {
    VideoSinkOptions options;
    options.encoder = "x264";
    options.open_timeout = milliseconds(200);
    const auto sink = VideoSink::Open(server.Url(scheme),
                                      {.width = 32, .height = 32}, options);
    ASSERT_FALSE(sink);
    EXPECT_EQ(sink.error().code, ErrorCode::kDeadlineExceeded)
        << sink.error().message;
    EXPECT_THAT(sink.error().message, Not(HasSubstr("secret")));
    EXPECT_THAT(sink.error().message, HasSubstr("127.0.0.1"));
  }
}

TEST_F(VideoSinkTest, AStopEndsABlockedOpen) {
  const SilentServer server;
  for (const char* scheme : {"rtmp", "rtsp"}) {
    std::stop_source stop;
    std::jthread stopper([&] { stop.request_stop(); });
    VideoSinkOptions options;
    options.encoder = "x264";
    options.open_timeout = milliseconds(60'000);
    const auto sink =
        VideoSink::Open(server.Url(scheme), {.width = 32, .height = 32},
                        options, stop.get_token());
    ASSERT_FALSE(sink);
    EXPECT_EQ(sink.error().code, ErrorCode::kCancelled) << sink.error().message;
  }
}

}  // namespace
}  // namespace ocelli
