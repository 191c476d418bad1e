#include "live/capture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <latch>
#include <string>
#include <vector>

#include "core/file.h"
#include "media/still_image.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using testing::HasSubstr;

struct Added {
  FrameRecord record;
  std::vector<std::byte> picture;
};

// Keeps what it is given.
class FakeArchiver final : public Archiver {
 public:
  std::vector<Added> added;
  // Called before each frame is taken; its error is Add()'s.
  std::function<Result<>(std::size_t number)> before;

  void BeginRun(bool) override {}
  Result<> Add(const NewFrame& frame, std::stop_token) override {
    if (before) {
      if (auto done = before(added.size()); !done) return done;
    }
    added.push_back(
        {frame.record, {frame.picture.begin(), frame.picture.end()}});
    return {};
  }
  Result<> WaitUntilDelivered(std::stop_token) override { return {}; }
  Result<> Finish(std::stop_token) override { return {}; }
  ArchiveStatus status() const override { return {}; }

  std::vector<int> Milliseconds() const {
    std::vector<int> times;
    for (const Added& one : added) {
      times.push_back(static_cast<int>(one.record.pts.count() / 1000));
    }
    return times;
  }
};

Frame MakeFrame(int number, int width, int height) {
  YuvImage image(width, height, {});
  const MutableYuvView view = image.MutableView();
  for (int y = 0; y < height; ++y) {
    std::memset(view.y + y * view.y_stride, 40 + number % 150,
                static_cast<std::size_t>(width));
  }
  for (int y = 0; y < view.chroma_height(); ++y) {
    const auto count = static_cast<std::size_t>(view.chroma_width());
    std::memset(view.u + y * view.uv_stride, 128, count);
    std::memset(view.v + y * view.uv_stride, 128, count);
  }
  Frame frame;
  frame.pixels = image;
  frame.sequence = static_cast<std::uint64_t>(number);
  frame.time = milliseconds(40) * number;
  frame.wall_time = std::chrono::system_clock::time_point(
      std::chrono::seconds(1000 + number));
  return frame;
}

class FakeSource final : public VideoSource {
 public:
  explicit FakeSource(int frames, bool live = false) : frames_(frames) {
    info_.width = 64;
    info_.height = 48;
    info_.live = live;
  }
  std::function<void()> at_end;
  std::function<Frame(int number)> make = [](int number) {
    return MakeFrame(number, 64, 48);
  };
  std::optional<Error> error;  // Instead of the end.

  const VideoInfo& info() const override { return info_; }
  Result<std::optional<SourceFrame>> Next(std::stop_token stop) override {
    if (stop.stop_requested()) return Fail(ErrorCode::kCancelled, "stopped");
    if (next_ < frames_) return SourceFrame{make(next_++), {}};
    if (at_end) at_end();
    if (error) return tl::unexpected<Error>(*error);
    return std::nullopt;
  }
  std::vector<SoundPacket> TakeSound() override { return {}; }
  SourceCounters counters() const override { return {0, 3, 2}; }

 private:
  const int frames_;
  int next_ = 0;
  VideoInfo info_;
};

std::unique_ptr<Capture> Of(int frames, const CaptureOptions& options = {}) {
  return Capture::Of(std::make_unique<FakeSource>(frames), options, nullptr);
}

TEST(Capture, AddsEveryFrameInOrderAsAJpegWithItsDigest) {
  FakeArchiver archiver;
  CaptureOptions options;
  options.encoders = 4;
  const auto capture = Of(200, options);
  ASSERT_TRUE(capture->Run(archiver, {}));
  ASSERT_EQ(archiver.added.size(), 200u);
  for (std::size_t i = 0; i < archiver.added.size(); ++i) {
    const auto& [record, picture] = archiver.added[i];
    EXPECT_EQ(record.pts, milliseconds(40) * i);
    EXPECT_EQ(record.time.time_since_epoch(), std::chrono::seconds(1000 + i));
    EXPECT_EQ(record.digest, Sha256(picture));
    EXPECT_EQ(record.bytes, picture.size());
    EXPECT_EQ(ReadJpegSize(picture).value(), (ImageSize{64, 48}));
    EXPECT_EQ(record.width, 64);
    EXPECT_EQ(record.height, 48);
  }
  const CaptureStatus status = capture->status();
  EXPECT_EQ(status.frames_in, 200u);
  EXPECT_EQ(status.chosen, 200u);
  EXPECT_EQ(status.added, 200u);
  EXPECT_EQ(status.late, 0u);
  EXPECT_EQ(status.damaged, 3u);
  EXPECT_EQ(status.reconnects, 2u);
  EXPECT_TRUE(status.first_taken);
}

TEST(Capture, TakesWhatIsChosenUpToTheLimit) {
  FakeArchiver archiver;
  CaptureOptions options;
  options.selection.every = milliseconds(120);
  options.max_frames = 4;
  const auto capture = Of(1000, options);
  ASSERT_TRUE(capture->Run(archiver, {}));
  EXPECT_EQ(archiver.Milliseconds(), (std::vector{0, 120, 240, 360}));
  EXPECT_EQ(capture->status().chosen, 4u);
  EXPECT_LT(capture->status().frames_in, 100u);
}

TEST(Capture, EndsAfterItsDuration) {
  FakeArchiver archiver;
  CaptureOptions options;
  options.max_duration = milliseconds(200);
  ASSERT_TRUE(Of(1000, options)->Run(archiver, {}));
  EXPECT_EQ(archiver.Milliseconds(), (std::vector{0, 40, 80, 120, 160}));
}

TEST(Capture, GoesOnWhereAnEarlierOneEnded) {
  FakeArchiver whole, rest;
  CaptureOptions options;
  options.selection.every = milliseconds(100);
  ASSERT_TRUE(Of(50, options)->Run(whole, {}));
  ASSERT_TRUE(Of(50, options)->Run(rest, {}, {whole.added[6].record.pts, 7}));
  const std::vector<int> all = whole.Milliseconds();
  EXPECT_EQ(rest.Milliseconds(), std::vector(all.begin() + 7, all.end()));
}

TEST(Capture, OfALiveSourceLateFramesGoAndAreCounted) {
  FakeArchiver archiver;
  auto source = std::make_unique<FakeSource>(100, true);
  // The first frame is archived only when all others have come.
  std::latch all_came(1);
  source->at_end = [&] { all_came.count_down(); };
  archiver.before = [&](std::size_t number) -> Result<> {
    if (number == 0) all_came.wait();
    return {};
  };
  const auto capture = Capture::Of(std::move(source), {}, nullptr);
  ASSERT_TRUE(capture->Run(archiver, {}));
  const CaptureStatus status = capture->status();
  EXPECT_EQ(status.frames_in, 100u);
  EXPECT_GT(status.late, 80u);
  EXPECT_EQ(status.late + status.added, 100u);
  const std::vector<int> times = archiver.Milliseconds();
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
  EXPECT_EQ(times.back(), 99 * 40);
}

// Frames of a camera, one each 40 ms, that are decoded `slower` times as
// slowly.
std::unique_ptr<FakeSource> Camera(int slower) {
  auto source = std::make_unique<FakeSource>(100, true);
  source->make = [slower](int number) {
    Frame frame = MakeFrame(number, 64, 48);
    frame.decoded_at = std::chrono::steady_clock::time_point(milliseconds(40) *
                                                             number * slower);
    return frame;
  };
  return source;
}

TEST(Capture, OverTcpFramesWaitUnreadWhileTheyAreNotFarBehind) {
  FakeArchiver archiver;
  CaptureOptions options;
  options.source = "rtsp://camera/1";
  const auto capture = Capture::Of(Camera(1), options, nullptr);
  ASSERT_TRUE(capture->Run(archiver, {}));
  EXPECT_EQ(capture->status().late, 0u);
  EXPECT_EQ(archiver.added.size(), 100u);
}

TEST(Capture, OverTcpWhatIsFarBehindIsDroppedAllTheSame) {
  FakeArchiver archiver;
  CaptureOptions options;
  options.source = "rtsp://camera/1";
  auto source = Camera(2);
  // The archive waits until the source has given everything.
  std::latch all_came(1);
  source->make = [make = source->make, &all_came](int number) {
    if (number == 99) all_came.count_down();
    return make(number);
  };
  archiver.before = [&](std::size_t number) -> Result<> {
    // Those that may wait come first.
    if (number == 30) all_came.wait();
    return {};
  };
  const auto capture = Capture::Of(std::move(source), options, nullptr);
  ASSERT_TRUE(capture->Run(archiver, {}));
  const CaptureStatus status = capture->status();
  EXPECT_GT(status.late, 0u);
  EXPECT_EQ(status.late + status.added, 100u);
}

TEST(Capture, OfALiveSourceTheLimitCountsWhatWasArchived) {
  FakeArchiver archiver;
  CaptureOptions options;
  options.max_frames = 3;
  const auto capture = Capture::Of(
      std::make_unique<FakeSource>(1'000'000'000, true), options, nullptr);
  ASSERT_TRUE(capture->Run(archiver, {}));
  EXPECT_EQ(archiver.added.size(), 3u);
}

TEST(Capture, OfAFileEveryFrameWaitsForTheArchive) {
  FakeArchiver archiver;
  std::latch later(1);
  auto source = std::make_unique<FakeSource>(30);
  std::atomic<int> made = 0;
  source->make = [&](int number) {
    // More than the queues hold: the source waits.
    if (number == 5) later.count_down();
    ++made;
    return MakeFrame(number, 64, 48);
  };
  archiver.before = [&](std::size_t) -> Result<> {
    later.wait();
    return {};
  };
  const auto capture = Capture::Of(std::move(source), {}, nullptr);
  ASSERT_TRUE(capture->Run(archiver, {}));
  EXPECT_EQ(archiver.added.size(), 30u);
  EXPECT_EQ(capture->status().late, 0u);
}

TEST(Capture, AnErrorOfTheArchiveEndsIt) {
  FakeArchiver archiver;
  archiver.before = [](std::size_t number) -> Result<> {
    if (number < 5) return {};
    return Fail(ErrorCode::kPermissionDenied, "no such bucket");
  };
  const auto done = Of(1'000'000, {})->Run(archiver, {});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(archiver.added.size(), 5u);
}

TEST(Capture, AnErrorOfTheSourceEndsIt) {
  FakeArchiver archiver;
  auto source = std::make_unique<FakeSource>(5);
  source->error = Error{ErrorCode::kUnavailable, "the camera is gone"};
  const auto done =
      Capture::Of(std::move(source), {}, nullptr)->Run(archiver, {});
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("camera"));
}

TEST(Capture, AStopIsNoErrorAndLosesNothingInBetween) {
  FakeArchiver archiver;
  std::stop_source stop;
  archiver.before = [&](std::size_t number) -> Result<> {
    if (number == 4) stop.request_stop();
    return {};
  };
  ASSERT_TRUE(Of(1'000'000, {})->Run(archiver, stop.get_token()));
  EXPECT_GE(archiver.added.size(), 5u);
  EXPECT_LT(archiver.added.size(), 100u);
  for (std::size_t i = 0; i < archiver.added.size(); ++i) {
    EXPECT_EQ(archiver.added[i].record.pts, milliseconds(40) * i);
  }
}

TEST(Capture, TakesAnotherResolutionAsItComesAndShrinksTheLarge) {
  FakeArchiver archiver;
  auto source = std::make_unique<FakeSource>(3);
  source->make = [](int number) {
    return number == 1   ? MakeFrame(number, 400, 101)
           : number == 2 ? MakeFrame(number, 30, 200)
                         : MakeFrame(number, 64, 48);
  };
  CaptureOptions options;
  options.max_side = 100;
  ASSERT_TRUE(
      Capture::Of(std::move(source), options, nullptr)->Run(archiver, {}));
  ASSERT_EQ(archiver.added.size(), 3u);
  const ImageSize sizes[] = {{64, 48}, {100, 25}, {15, 100}};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(ReadJpegSize(archiver.added[i].picture).value(), sizes[i]);
    EXPECT_EQ(archiver.added[i].record.width, sizes[i].width);
    const Image shown = DecodeImage(archiver.added[i].picture).value();
    // Of limited range: 16 is black.
    const double grey = (40 + static_cast<double>(i) - 16) * 255 / 219;
    EXPECT_NEAR(shown.view().Pixel(5, 5)[1], grey, 2);
  }
}

TEST(Capture, WorseQualityNeedsLessSpace) {
  FakeArchiver good, bad;
  CaptureOptions options;
  options.quality = 95;
  ASSERT_TRUE(Of(1, options)->Run(good, {}));
  options.quality = 10;
  ASSERT_TRUE(Of(1, options)->Run(bad, {}));
  EXPECT_NE(good.added[0].picture, bad.added[0].picture);
}

class CaptureOfPictures : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  std::vector<std::byte> WriteJpeg(const std::string& name, int number,
                                   int width = 64, int height = 48) {
    auto jpeg = EncodeJpeg(MakeFrame(number, width, height).pixels.view(), 70);
    EXPECT_TRUE(jpeg && WriteFileAtomically(folder_ / name, *jpeg));
    return *jpeg;
  }

  std::unique_ptr<Capture> Open(CaptureOptions options = {}) {
    options.source = folder_;
    options.source_options.frame_rate = 25;
    auto capture = Capture::Open(options, nullptr, {});
    EXPECT_TRUE(capture) << capture.error().message;
    return std::move(*capture);
  }

  const fs::path folder_ = fs::path(testing::TempDir()) /
                           ("capture_test_" + std::to_string(getpid()));
};

TEST_F(CaptureOfPictures, JpegFilesGoInByteForByte) {
  std::vector<std::vector<std::byte>> files;
  for (int i = 0; i < 60; ++i) {
    files.push_back(WriteJpeg(std::to_string(100 + i) + ".jpg", i));
  }
  FakeArchiver archiver;
  const auto capture = Open();
  EXPECT_EQ(capture->input().width, 64);
  ASSERT_TRUE(capture->Run(archiver, {}));
  ASSERT_EQ(archiver.added.size(), files.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    EXPECT_EQ(archiver.added[i].picture, files[i]);
    EXPECT_EQ(archiver.added[i].record.digest, Sha256(files[i]));
    EXPECT_EQ(archiver.added[i].record.pts, milliseconds(40) * i);
    EXPECT_EQ(archiver.added[i].record.height, 48);
  }
}

TEST_F(CaptureOfPictures, OtherPicturesBecomeJpegs) {
  const Image red = ToRgb(MakeFrame(3, 50, 40).pixels);
  ASSERT_TRUE(WriteFileAtomically(folder_ / "1.png", *EncodePng(red)));
  FakeArchiver archiver;
  ASSERT_TRUE(Open()->Run(archiver, {}));
  ASSERT_EQ(archiver.added.size(), 1u);
  EXPECT_EQ(ReadJpegSize(archiver.added[0].picture).value(),
            (ImageSize{50, 40}));
}

TEST_F(CaptureOfPictures, JpegsAreMadeAnewForAQualityOrASmallerSize) {
  const auto small = WriteJpeg("1.jpg", 1, 64, 48);
  const auto large = WriteJpeg("2.jpg", 2, 300, 200);
  CaptureOptions options;
  options.max_side = 100;
  FakeArchiver archiver;
  ASSERT_TRUE(Open(options)->Run(archiver, {}));
  ASSERT_EQ(archiver.added.size(), 2u);
  EXPECT_EQ(archiver.added[0].picture, small);
  EXPECT_EQ(ReadJpegSize(archiver.added[1].picture).value(),
            (ImageSize{100, 67}));
  options.max_side = 0;
  options.quality = 30;
  FakeArchiver worse;
  ASSERT_TRUE(Open(options)->Run(worse, {}));
  EXPECT_NE(worse.added[0].picture, small);
  EXPECT_NE(worse.added[1].picture, large);
}

TEST_F(CaptureOfPictures, BrokenOnesAreCountedAndTheOthersKeepTheirTimes) {
  WriteJpeg("1.jpg", 1);
  auto cut = WriteJpeg("2.jpg", 2);
  cut.resize(cut.size() / 2);
  ASSERT_TRUE(WriteFileAtomically(folder_ / "2.jpg", cut));
  WriteJpeg("3.jpg", 3);
  FakeArchiver archiver;
  const auto capture = Open();
  ASSERT_TRUE(capture->Run(archiver, {}));
  EXPECT_EQ(archiver.Milliseconds(), (std::vector{0, 80}));
  EXPECT_EQ(capture->status().damaged, 1u);
}

TEST_F(CaptureOfPictures, AFolderWithoutAWholePictureIsAnError) {
  ASSERT_TRUE(WriteFileAtomically(folder_ / "1.jpg", "no picture"));
  CaptureOptions options;
  options.source = folder_;
  EXPECT_FALSE(Capture::Open(options, nullptr, {}));
}

TEST_F(CaptureOfPictures, ChoiceLimitAndResumption) {
  for (int i = 0; i < 50; ++i) WriteJpeg(std::to_string(100 + i) + ".jpg", i);
  CaptureOptions options;
  options.selection.every = milliseconds(100);
  FakeArchiver whole;
  ASSERT_TRUE(Open(options)->Run(whole, {}));
  EXPECT_EQ(whole.added.size(), 20u);
  options.max_frames = 12;
  FakeArchiver rest;
  ASSERT_TRUE(Open(options)->Run(rest, {}, {whole.added[6].record.pts, 7}));
  const std::vector<int> all = whole.Milliseconds();
  EXPECT_EQ(rest.Milliseconds(),
            std::vector(all.begin() + 7, all.begin() + 12));
}

TEST_F(CaptureOfPictures, WithNothingLeftThereIsNothingToDo) {
  WriteJpeg("1.jpg", 1);
  CaptureOptions options;
  options.max_frames = 1;
  FakeArchiver archiver;
  ASSERT_TRUE(Open()->Run(archiver, {}, {milliseconds(5000), 1}));
  ASSERT_TRUE(Open(options)->Run(archiver, {}, {{}, 1}));
  ASSERT_TRUE(Of(5, options)->Run(archiver, {}, {{}, 1}));
  EXPECT_TRUE(archiver.added.empty());
}

TEST_F(CaptureOfPictures, EqualOnesAreNoChange) {
  for (int i = 0; i < 10; ++i) {
    WriteJpeg(std::to_string(i) + ".jpg", i < 6 ? 0 : 100);
  }
  CaptureOptions options;
  options.selection.changed = kDefaultChange;
  FakeArchiver archiver;
  ASSERT_TRUE(Open(options)->Run(archiver, {}));
  EXPECT_EQ(archiver.Milliseconds(), (std::vector{0, 240}));
}

TEST_F(CaptureOfPictures, AStopEndsIt) {
  for (int i = 0; i < 30; ++i) WriteJpeg(std::to_string(100 + i) + ".jpg", i);
  std::stop_source stop;
  FakeArchiver archiver;
  archiver.before = [&](std::size_t number) -> Result<> {
    if (number == 4) stop.request_stop();
    return {};
  };
  ASSERT_TRUE(Open()->Run(archiver, stop.get_token()));
  EXPECT_EQ(archiver.added.size(), 5u);
}

TEST(Capture, RefusesAQualityThatThereIsNot) {
  CaptureOptions options;
  options.source = "test:";
  options.quality = 0;
  EXPECT_FALSE(Capture::Open(options, nullptr, {}));
}

}  // namespace
}  // namespace ocelli
