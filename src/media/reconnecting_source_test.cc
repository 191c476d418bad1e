#include "media/reconnecting_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <thread>
#include <utility>
#include <vector>

namespace ocelli {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// Gives so many frames, 40 ms apart, then ends or fails.
class FakeStream final : public StreamSource {
 public:
  FakeStream(int frames, bool fails) : left_(frames), fails_(fails) {}

  const VideoInfo& info() const override { return info_; }
  Result<std::optional<SourceFrame>> Next(std::stop_token stop) override {
    if (stop.stop_requested()) return Fail(ErrorCode::kCancelled, "stopped");
    if (left_-- > 0) {
      SourceFrame next;
      next.frame.time = std::exchange(time_, time_ + milliseconds(40));
      return next;
    }
    if (fails_) return Fail(ErrorCode::kDeadlineExceeded, "silent");
    return std::nullopt;
  }
  std::vector<SoundPacket> TakeSound() override { return {}; }
  SourceCounters counters() const override { return {0, 3, 0}; }
  void StartAt(microseconds time) override { time_ = time; }

 private:
  VideoInfo info_;
  microseconds time_{};
  int left_;
  bool fails_;
};

class ReconnectingSourceTest : public testing::Test {
 protected:
  ReconnectingSourceTest() {
    options_.clock = &clock_;
    options_.first_wait = options_.last_wait = milliseconds(1);
    options_.seed = 1;
  }

  // Connections that work (frames) or not (-1), in their order; then none.
  std::unique_ptr<VideoSource> Source(int frames, std::deque<int> later,
                                      bool fails = true) {
    return MakeReconnectingSource(
        std::make_unique<FakeStream>(frames, fails),
        [this, later = std::move(later), fails](
            std::stop_token) mutable -> Result<std::unique_ptr<StreamSource>> {
          ++attempts_;
          const int next = later.empty() ? -1 : later.front();
          if (!later.empty()) later.pop_front();
          if (next < 0) return Fail(ErrorCode::kUnavailable, "nobody there");
          clock_.Advance(std::chrono::seconds(5));
          return std::make_unique<FakeStream>(next, fails);
        },
        "rtsp://***@camera/", options_);
  }

  FixedClock clock_{{}};
  VideoSourceOptions options_;
  int attempts_ = 0;
};

TEST_F(ReconnectingSourceTest, FramesGoOnOverLostConnections) {
  for (const bool fails : {true, false}) {
    const auto source = Source(2, {-1, -1, 2, 1}, fails);
    std::vector<microseconds> times;
    for (std::uint64_t i = 0; i < 5; ++i) {
      const auto next = source->Next({});
      ASSERT_TRUE(next) << next.error().message;
      ASSERT_TRUE(*next);
      EXPECT_EQ((*next)->frame.sequence, i);
      times.push_back((*next)->frame.time);
    }
    EXPECT_THAT(times,
                testing::ElementsAre(milliseconds(0), milliseconds(40),
                                     milliseconds(5040), milliseconds(5080),
                                     milliseconds(10080)));
    EXPECT_EQ(source->counters().frames, 5u);
    EXPECT_EQ(source->counters().reconnects, 2u);
    EXPECT_EQ(source->counters().damaged, 9u);
  }
}

TEST_F(ReconnectingSourceTest, FailsAfterTheAttemptsAllowed) {
  options_.reconnects = 3;
  const auto source = Source(1, {});
  ASSERT_TRUE(source->Next({}));
  const auto failed = source->Next({});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(attempts_, 3);
}

TEST_F(ReconnectingSourceTest, SaysWhyThereIsNoConnection) {
  options_.reconnects = 1;
  const auto source = Source(1, {1, -1});
  ASSERT_TRUE(source->Next({}));
  EXPECT_EQ(source->counters().away, "");
  ASSERT_TRUE(source->Next({}));  // Lost in between, and back.
  EXPECT_EQ(source->counters().away, "");
  EXPECT_FALSE(source->Next({}));
  EXPECT_EQ(source->counters().away, "nobody there");
}

TEST_F(ReconnectingSourceTest, AFrameMakesAttemptsCountAnew) {
  options_.reconnects = 2;
  const auto source = Source(1, {-1, 1, -1, 1, -1, -1});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(source->Next({})) << i;
  EXPECT_FALSE(source->Next({}));
  EXPECT_EQ(attempts_, 6);
}

TEST_F(ReconnectingSourceTest, ConnectionsWithoutAFrameAreAttemptsToo) {
  options_.reconnects = 3;
  const auto source = Source(1, {0, 0, 0, 0, 0, 0});
  ASSERT_TRUE(source->Next({}));
  EXPECT_FALSE(source->Next({}));
  EXPECT_EQ(attempts_, 3);
}

TEST_F(ReconnectingSourceTest, WithoutReconnectsTheEndIsTheEnd) {
  options_.reconnects = 0;
  const auto ends = Source(1, {1}, false);
  ASSERT_TRUE(ends->Next({}));
  const auto end = ends->Next({});
  ASSERT_TRUE(end);
  EXPECT_FALSE(*end);
  const auto fails = Source(0, {1}, true);
  EXPECT_EQ(fails->Next({}).error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(attempts_, 0);
}

TEST_F(ReconnectingSourceTest, StopEndsTheWait) {
  options_.first_wait = options_.last_wait = std::chrono::hours(1);
  const auto source = Source(0, {});
  std::stop_source stop;
  std::thread stopper([&] { stop.request_stop(); });
  const auto next = source->Next(stop.get_token());
  stopper.join();
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(attempts_, 0);
}

TEST(WaitBefore, DoublesUpToTheLastAndIsShortenedByChance) {
  const milliseconds first(500), last(30'000);
  EXPECT_EQ(WaitBefore(0, first, last, 1), milliseconds(500));
  EXPECT_EQ(WaitBefore(0, first, last, 0), milliseconds(250));
  EXPECT_EQ(WaitBefore(1, first, last, 1), milliseconds(1000));
  EXPECT_EQ(WaitBefore(3, first, last, .5), milliseconds(3000));
  EXPECT_EQ(WaitBefore(6, first, last, 1), last);
  EXPECT_EQ(WaitBefore(2'000'000'000, first, last, 1), last);
  EXPECT_EQ(WaitBefore(5, milliseconds(0), last, 1), milliseconds(0));
  EXPECT_EQ(WaitBefore(0, last, first, 1), first);
}

}  // namespace
}  // namespace ocelli
