#include "live/frame_stream.h"

#include <gmock/gmock.h>

#include <atomic>
#include <condition_variable>
#include <latch>
#include <thread>

#include "core/work_scope.h"
#include "live/session_state.h"
#include "live/test_tracker.h"
#include "media/still_image.h"
#include "media/test_pictures.h"

namespace ocelli {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using test::AsBytes;
using test::AsText;
using test::BigEndian;
using test::CornersOf;
using test::Quarters;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using std::string_literals::operator""s;

std::string Jpeg(int width, int height) {
  return std::string(
      AsText(EncodeJpeg(Quarters(width, height, "RGBY"), 90).value()));
}

StreamedFrame Encoded(std::uint64_t sequence, std::string data) {
  StreamedFrame frame;
  frame.sequence = sequence;
  frame.data = std::move(data);
  return frame;
}

StreamedFrame Raw(StreamedFrame::Kind kind, int width, int height,
                  std::size_t bytes) {
  StreamedFrame frame = Encoded(0, std::string(bytes, '\x70'));
  frame.kind = kind;
  frame.width = width;
  frame.height = height;
  return frame;
}

class FrameStreamTest : public testing::Test {
 protected:
  Result<std::unique_ptr<FrameStream>> TryOpen(
      const FrameStreamSettings& settings) {
    return FrameStream::Open(OpenOneFaceTracker(log_), settings, options_,
                             stop_.get_token());
  }
  std::unique_ptr<FrameStream> Open(const FrameStreamSettings& settings = {}) {
    auto opened = TryOpen(settings);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }
  // All that is left, by the thread of the test.
  static std::vector<StreamedAnswer> PopAll(FrameStream& stream) {
    std::vector<StreamedAnswer> answers;
    while (true) {
      auto answer = stream.Pop();
      EXPECT_TRUE(answer) << answer.error().message;
      if (!answer || !*answer) return answers;
      answers.push_back(**std::move(answer));
    }
  }
  static void Push(FrameStream& stream, StreamedFrame frame) {
    const auto done = stream.Push(std::move(frame));
    EXPECT_TRUE(done) << done.error().message;
  }
  // A tracker that waits until whom it works for is gone.
  void TrackUntilStopped() {
    log_.before = [this](const Frame&) -> Result<> {
      std::mutex mutex;
      std::condition_variable_any stopped;
      std::unique_lock lock(mutex);
      tracking_.count_down();
      client_ = WorkScope::client();
      stopped.wait(lock, WorkScope::stop(), [] { return false; });
      return Fail(ErrorCode::kCancelled, "nobody waits");
    };
  }

  TrackerLog log_;
  FrameStreamOptions options_;
  std::stop_source stop_;
  std::latch tracking_{1};
  std::string client_;
};

TEST_F(FrameStreamTest, AnswersEveryFrameInOrder) {
  constexpr std::uint64_t kFrames = 150;
  // So that frames are not ready in their order.
  const std::string sizes[] = {Jpeg(640, 480), Jpeg(16, 16), Jpeg(128, 96)};
  options_.decoders = 4;
  const auto stream = Open({.effects = {"overlay"}, .pictures = true});
  std::jthread pushing([&] {
    for (std::uint64_t i = 0; i < kFrames; ++i) {
      Push(*stream, Encoded(1000 + i, sizes[i % 3]));
    }
    stream->Finish();
  });
  const auto answers = PopAll(*stream);
  ASSERT_THAT(answers, SizeIs(kFrames));
  for (std::uint64_t i = 0; i < kFrames; ++i) {
    EXPECT_EQ(answers[i].sequence, 1000 + i);
    EXPECT_EQ(answers[i].time, milliseconds(40) * i);
    EXPECT_EQ(answers[i].width, i % 3 == 0 ? 640 : i % 3 == 1 ? 16 : 128);
    EXPECT_FALSE(answers[i].error);
    ASSERT_THAT(answers[i].faces, SizeIs(1));
    EXPECT_EQ(answers[i].faces[0].track, 1);
    const auto picture = DecodeImage(AsBytes(answers[i].picture));
    ASSERT_TRUE(picture) << picture.error().message;
    EXPECT_EQ(picture->width(), answers[i].width);
  }
  const auto seen = log_.frames();
  ASSERT_THAT(seen, SizeIs(kFrames));
  for (std::uint64_t i = 0; i < kFrames; ++i) {
    EXPECT_EQ(seen[i].sequence, i);
    EXPECT_EQ(seen[i].time, milliseconds(40) * i);
  }
}

TEST_F(FrameStreamTest, AtMostSoManyFramesAreUnderWay) {
  constexpr std::uint64_t kFrames = 60;
  options_.in_flight = 3;
  const auto stream = Open();
  const std::string jpeg = Jpeg(16, 16);
  std::atomic<std::uint64_t> popping = 0;
  std::jthread pushing([&] {
    for (std::uint64_t i = 1; i <= kFrames; ++i) {
      Push(*stream, Encoded(i, jpeg));
      // Whoever made room was counted before.
      EXPECT_LE(i, popping + 3);
    }
  });
  for (std::uint64_t i = 1; i <= kFrames; ++i) {
    ++popping;
    EXPECT_EQ((*stream->Pop())->sequence, i);
  }
}

TEST_F(FrameStreamTest, EndsWithoutFrames) {
  const auto stream = Open();
  stream->Finish();
  EXPECT_THAT(PopAll(*stream), IsEmpty());
  EXPECT_EQ(stream->Push(Encoded(1, Jpeg(8, 8))).error().code,
            ErrorCode::kFailedPrecondition);
}

TEST_F(FrameStreamTest, SettingsHoldFromTheNextFrameOn) {
  const auto stream = Open({.faces = false});
  EXPECT_THAT(log_.opened(), IsEmpty());  // Nobody asks for faces.
  const std::string jpeg = Jpeg(64, 48);
  const auto set = [&](const FrameStreamSettings& settings) {
    const auto done = stream->Configure(settings);
    EXPECT_TRUE(done) << done.error().message;
  };
  Push(*stream, Encoded(0, jpeg));
  set({.faces = true});
  Push(*stream, Encoded(1, jpeg));
  set({.names = true});
  Push(*stream, Encoded(2, jpeg));
  set({.effects = {"crop:width=32,height=24"}, .pictures = true});
  Push(*stream, Encoded(3, jpeg));
  EXPECT_EQ(stream->Configure({.effects = {"nonsense"}}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(stream->Configure({.quality = 0}).error().code,
            ErrorCode::kInvalidArgument);
  Push(*stream, Encoded(4, jpeg));
  set({.effects = {"crop:width=32,height=24"}});
  Push(*stream, Encoded(5, jpeg));
  stream->Finish();
  const auto answers = PopAll(*stream);
  ASSERT_THAT(answers, SizeIs(6));
  for (const StreamedAnswer& answer : answers) EXPECT_FALSE(answer.error);
  EXPECT_THAT(answers[0].faces, IsEmpty());
  ASSERT_THAT(answers[1].faces, SizeIs(1));
  EXPECT_EQ(answers[1].faces[0].name, "");
  EXPECT_FALSE(answers[1].faces[0].decided);
  EXPECT_THAT(answers[1].picture, IsEmpty());
  ASSERT_THAT(answers[2].faces, SizeIs(1));
  EXPECT_EQ(answers[2].faces[0].name, "Ada");
  for (const std::size_t i : {3u, 4u}) {
    const auto picture = DecodeImage(AsBytes(answers[i].picture));
    ASSERT_TRUE(picture) << picture.error().message;
    EXPECT_EQ(picture->width(), 32);
    EXPECT_EQ(answers[i].width, 32);
  }
  EXPECT_THAT(answers[5].picture, IsEmpty());
  EXPECT_EQ(answers[5].width, 64);
  // Three trackers: without names, with them, without. The track is the same.
  EXPECT_THAT(log_.opened(), SizeIs(3));
  for (std::size_t i = 1; i < 6; ++i) {
    ASSERT_THAT(answers[i].faces, SizeIs(1)) << i;
    EXPECT_EQ(answers[i].faces[0].track, 1) << i;
  }
}

TEST_F(FrameStreamTest, TakesEveryKindOfPixelsOfAnySize) {
  const auto stream = Open({.pictures = true});
  Push(*stream, Encoded(0, Jpeg(64, 48)));
  using Kind = StreamedFrame::Kind;
  Push(*stream, Raw(Kind::kRgb, 33, 17, 33 * 17 * 3));
  Push(*stream, Raw(Kind::kI420, 33, 17, 33 * 17 + 2 * 17 * 9));
  Push(*stream, Raw(Kind::kI420, 1280, 720, 1280 * 720 * 3 / 2));
  Push(*stream, Raw(Kind::kRgb, 1, 1, 3));
  stream->Finish();
  const auto answers = PopAll(*stream);
  ASSERT_THAT(answers, SizeIs(5));
  const std::pair<int, int> sizes[] = {
      {64, 48}, {33, 17}, {33, 17}, {1280, 720}, {1, 1}};
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_FALSE(answers[i].error) << answers[i].error->message;
    EXPECT_EQ(std::pair(answers[i].width, answers[i].height), sizes[i]);
    const auto picture = DecodeImage(AsBytes(answers[i].picture));
    ASSERT_TRUE(picture) << picture.error().message;
    EXPECT_EQ(std::pair(picture->width(), picture->height()), sizes[i]);
  }
}

TEST_F(FrameStreamTest, BadFramesAreAnsweredInOrderAndTheOthersGoOn) {
  options_.max_bytes = 100'000;
  options_.max_pixels = 640 * 480;
  options_.in_flight = 40;
  const auto stream = Open({.effects = {"overlay"}, .pictures = true});
  const std::string good = Jpeg(64, 48);
  // Its pixels would be 2.7 GB.
  const std::string bomb = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"s +
                           BigEndian(30000, 4) + BigEndian(30000, 4) +
                           "\x08\x02\0\0\0"s;
  using Kind = StreamedFrame::Kind;
  std::vector<StreamedFrame> bad;
  bad.push_back(Encoded(0, ""));
  bad.push_back(Encoded(0, "hello, world"));
  bad.push_back(Encoded(0, good.substr(0, good.size() / 2)));
  bad.push_back(Encoded(0, bomb));
  bad.push_back(Encoded(0, Jpeg(1280, 960)));
  bad.push_back(Encoded(0, std::string(100'001, 'x')));
  bad.push_back(Raw(Kind::kRgb, 10, 10, 299));
  bad.push_back(Raw(Kind::kI420, 10, 10, 151));
  bad.push_back(Raw(Kind::kI420, -10, 10, 100));
  bad.push_back(Raw(Kind::kRgb, 10, 0, 0));
  bad.push_back(Raw(Kind::kRgb, 2147483647, 2147483647, 100));
  const std::size_t count = bad.size();
  std::uint64_t sequence = 0;
  for (StreamedFrame& frame : bad) {
    frame.sequence = sequence++;
    Push(*stream, std::move(frame));
    Push(*stream, Encoded(sequence++, good));
  }
  stream->Finish();
  const auto answers = PopAll(*stream);
  ASSERT_THAT(answers, SizeIs(2 * count));
  for (std::size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].sequence, i);
    EXPECT_EQ(answers[i].error.has_value(), i % 2 == 0) << i;
    EXPECT_THAT(answers[i].faces, SizeIs(i % 2));
    EXPECT_EQ(answers[i].picture.empty(), i % 2 == 0);
  }
  const auto code = [&](std::size_t i) { return answers[2 * i].error->code; };
  EXPECT_EQ(code(0), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(1), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(2), ErrorCode::kDataLoss);
  EXPECT_EQ(code(4), ErrorCode::kResourceExhausted);
  EXPECT_EQ(code(5), ErrorCode::kResourceExhausted);
  EXPECT_EQ(code(6), ErrorCode::kInvalidArgument);
  EXPECT_THAT(answers[12].error->message, HasSubstr("300 bytes, not 299"));
  EXPECT_THAT(log_.frames(), SizeIs(count));
}

TEST_F(FrameStreamTest, TimeGrows) {
  const auto stream = Open();
  const auto push = [&](std::optional<microseconds> time) {
    StreamedFrame frame = Encoded(7, Jpeg(8, 8));
    frame.time = time;
    return stream->Push(std::move(frame));
  };
  const auto refused = [&](std::optional<microseconds> time) {
    const auto done = push(time);
    return !done && done.error().code == ErrorCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused(microseconds(-1)));
  EXPECT_TRUE(refused(microseconds::max()));
  const microseconds begin = hours(500'000);  // Of somebody's clock.
  EXPECT_TRUE(push(begin));
  EXPECT_TRUE(refused(begin));
  EXPECT_TRUE(refused(begin - microseconds(1)));
  EXPECT_TRUE(push(begin + microseconds(1)));
  EXPECT_TRUE(push(std::nullopt));
  stream->Finish();
  std::vector<microseconds> times, seen;
  for (const auto& answer : PopAll(*stream)) times.push_back(answer.time);
  EXPECT_THAT(times, ElementsAre(begin, begin + microseconds(1),
                                 begin + microseconds(40'001)));
  for (const auto& frame : log_.frames()) seen.push_back(frame.time);
  EXPECT_THAT(seen, ElementsAre(microseconds(0), microseconds(1),
                                microseconds(40'001)));
}

TEST_F(FrameStreamTest, WhatAModelRefusesCostsOneFrame) {
  log_.before = [](const Frame& frame) -> Result<> {
    if (frame.sequence != 1) return {};
    return Fail(ErrorCode::kInternal, "no numbers");
  };
  const auto stream = Open();
  for (std::uint64_t i = 0; i < 3; ++i) Push(*stream, Encoded(i, Jpeg(8, 8)));
  stream->Finish();
  const auto answers = PopAll(*stream);
  ASSERT_THAT(answers, SizeIs(3));
  EXPECT_FALSE(answers[0].error);
  ASSERT_TRUE(answers[1].error);
  EXPECT_EQ(answers[1].error->message, "looking for faces: no numbers");
  EXPECT_FALSE(answers[2].error);
}

TEST_F(FrameStreamTest, StopEndsWhoWaitsWhileEverythingIsFull) {
  TrackUntilStopped();
  options_.in_flight = 2;
  options_.client = "key 7";
  const auto stream = Open();
  Push(*stream, Encoded(0, Jpeg(8, 8)));
  Push(*stream, Encoded(1, Jpeg(8, 8)));
  tracking_.wait();
  Result<> pushed;
  Result<std::optional<StreamedAnswer>> popped;
  {
    std::jthread pushing([&] { pushed = stream->Push(Encoded(2, "x")); });
    std::jthread popping([&] { popped = stream->Pop(); });
    stop_.request_stop();
  }
  ASSERT_FALSE(pushed);
  EXPECT_EQ(pushed.error().code, ErrorCode::kCancelled);
  ASSERT_FALSE(popped);
  EXPECT_EQ(popped.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(client_, "key 7");
}

TEST_F(FrameStreamTest, DroppingItGivesUpWhatIsUnderWay) {
  TrackUntilStopped();
  MetricsRegistry metrics;
  options_.metrics = &metrics;
  auto stream = Open();
  Push(*stream, Encoded(0, Jpeg(8, 8)));
  Push(*stream, Encoded(1, Jpeg(8, 8)));
  tracking_.wait();
  EXPECT_THAT(metrics.Text(), HasSubstr("ocelli_live_streams 1"));
  EXPECT_THAT(metrics.Text(), HasSubstr("ocelli_live_stream_frames 2"));
  stream.reset();
  EXPECT_THAT(metrics.Text(), HasSubstr("ocelli_live_streams 0"));
  EXPECT_THAT(metrics.Text(), HasSubstr("ocelli_live_stream_frames 0"));
}

TEST_F(FrameStreamTest, NamesAreForWhomMayKnowThem) {
  options_.may_name = false;
  const auto refused = TryOpen({.names = true});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(TryOpen({.effects = {"anonymize:except=Ada"}}).error().code,
            ErrorCode::kPermissionDenied);
  const auto stream = Open({.effects = {"anonymize"}, .pictures = true});
  EXPECT_EQ(stream->Configure({.names = true}).error().code,
            ErrorCode::kPermissionDenied);
  ASSERT_THAT(log_.opened(), SizeIs(1));
  EXPECT_TRUE(log_.opened()[0].thorough);  // Faces are hidden.
  EXPECT_FALSE(log_.opened()[0].identify);
}

class StreamedSession : public FrameStreamTest {
 protected:
  StreamedSession() {
    options_.session = "door-1";
    options_.sessions = store_.get();
    options_.client = "key 7";
  }

  const std::unique_ptr<SessionStore> store_ =
      MakeMemorySessionStore({milliseconds(1000), hours(1)});
};

TEST_F(StreamedSession, GoesOnWithItsTracks) {
  {
    const auto stream = Open();
    EXPECT_EQ(stream->resumed_tracks(), 0u);
    Push(*stream, Encoded(0, Jpeg(8, 8)));
    EXPECT_EQ((*stream->Pop())->faces[0].track, 1);
    ASSERT_TRUE(log_.opened()[0].describe);
  }
  const auto kept = store_->Peek("door-1");
  ASSERT_TRUE(kept && *kept);
  const auto state = ParseSessionState((*kept)->state);
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->counters.frames_out, 1u);
  EXPECT_EQ(state->counters.tracks, 1u);
  EXPECT_TRUE(state->ended);
  // The next one asks for faces only later.
  const auto stream = Open({.faces = false});
  EXPECT_EQ(stream->resumed_tracks(), 1u);
  Push(*stream, Encoded(0, Jpeg(8, 8)));
  EXPECT_TRUE(stream->Configure({}));
  Push(*stream, Encoded(1, Jpeg(8, 8)));
  EXPECT_THAT((*stream->Pop())->faces, IsEmpty());
  EXPECT_EQ((*stream->Pop())->faces[0].track, 1);
}

TEST_F(StreamedSession, IsOneStreamsAtATime) {
  const auto first = Open();
  const auto second = TryOpen({});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
  EXPECT_THAT(second.error().message, HasSubstr("in use by key 7"));
  Push(*first, Encoded(0, Jpeg(8, 8)));
  EXPECT_THAT((*first->Pop())->faces, SizeIs(1));
}

TEST_F(StreamedSession, WhoLosesItLearnsIt) {
  const auto stream = Open();
  const auto taken = store_->Take("door-1", {"key 8", true, false});
  ASSERT_TRUE(taken) << taken.error().message;
  const auto popped = stream->Pop();
  ASSERT_FALSE(popped);
  EXPECT_EQ(popped.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(popped.error().message, HasSubstr("key 8"));
  EXPECT_EQ(stream->Push(Encoded(0, Jpeg(8, 8))).error().code,
            ErrorCode::kFailedPrecondition);
}

TEST_F(StreamedSession, NeedsANameThatCanBe) {
  options_.session = "../etc";
  EXPECT_EQ(TryOpen({}).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(StreamedSession, StopEndsTheWaitForIt) {
  const auto held = store_->Take("door-1", {});
  ASSERT_TRUE(held);
  stop_.request_stop();
  EXPECT_EQ(TryOpen({}).error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace ocelli
