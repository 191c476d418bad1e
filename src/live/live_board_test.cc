#include "live/live_board.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <latch>
#include <thread>

#include "core/bounded_queue.h"
#include "core/test_folder.h"
#include "core/work_scope.h"
#include "media/still_image.h"
#include "media/test_pictures.h"
#include "media/test_video.h"
#include "redis/test_redis_server.h"

namespace ocelli {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using test::AsBytes;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using State = LiveVideoStatus::State;

// What a test tells a video to do next.
struct Step {
  std::optional<Frame> frame;  // Else the end,
  std::optional<Error> error;  // or a failure.
};

// Does as it is told, and waits between.
class ScriptedSession final : public LiveSession {
 public:
  ScriptedSession(LiveOptions options, BoundedQueue<Step>& steps)
      : options_(std::move(options)), steps_(steps) {
    info_.width = 64;
    info_.height = 48;
    info_.live = true;
  }

  Result<> Run(std::stop_token stop) override {
    while (auto step = steps_.Pop(stop)) {
      if (step->error) return tl::unexpected<Error>(*step->error);
      if (!step->frame) return {};
      if (auto done = options_.on_frame(*step->frame, {}); !done) return done;
    }
    return {};
  }
  LiveStatus status() const override { return {}; }
  const VideoInfo& input() const override { return info_; }
  std::string encoder() const override { return {}; }

 private:
  const LiveOptions options_;
  BoundedQueue<Step>& steps_;
  VideoInfo info_;
};

Frame Picture(std::uint64_t sequence) {
  Frame frame;
  frame.pixels = ToYuv(test::Quarters(640, 480, "RGBY"), {});
  frame.sequence = sequence;
  return frame;
}

LiveVideoSettings Video(const std::string& name,
                        const std::string& source = "scripted") {
  LiveVideoSettings settings;
  settings.name = name;
  settings.source = source;
  return settings;
}

class LiveBoardTest : public testing::Test {
 protected:
  LiveBoardTest() {
    options_.first_wait = options_.last_wait = milliseconds(1);
  }

  // Videos that do what is pushed to steps_.
  std::unique_ptr<LiveBoard> Scripted() {
    return LiveBoard::Make(
        [this](LiveOptions live, const std::stop_token& stop)
            -> Result<std::unique_ptr<LiveSession>> {
          if (before_opening_) {
            if (auto done = before_opening_(live, stop); !done) {
              return done.Failure();
            }
          }
          return std::make_unique<ScriptedSession>(std::move(live), steps_);
        },
        metrics_, options_);
  }
  // Real ones that need no models.
  std::unique_ptr<LiveBoard> WithoutFaces() {
    return LiveBoard::Make(
        [this](LiveOptions live, const std::stop_token& stop) {
          EXPECT_TRUE(live.analyze);
          live.analyze = live.names = false;
          return LiveSession::Open(std::move(live), models_, nullptr, metrics_,
                                   stop);
        },
        metrics_, options_);
  }
  std::string ShortVideo(int frames) {
    test::TestVideo video;
    video.frames = frames;
    const auto path = folder_ / "short.mp4";
    test::WriteTestVideo(path, video);
    return path.string();
  }
  void Show(std::uint64_t sequence) { steps_.Push({Picture(sequence), {}}); }

  TestFolder folder_;
  const ModelStore models_{folder_ / "no-models"};
  MetricsRegistry metrics_;
  LiveBoardOptions options_;
  BoundedQueue<Step> steps_{100};
  std::function<Result<>(const LiveOptions&, const std::stop_token&)>
      before_opening_;
};

TEST_F(LiveBoardTest, StartsListsAndStopsByName) {
  options_.max_videos = 2;
  const auto board = Scripted();
  ASSERT_TRUE(board->Start(Video("yard")));
  ASSERT_TRUE(board->Start(Video("door")));
  EXPECT_EQ(board->Start(Video("door")).error().code,
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(board->Start(Video("roof")).error().code,
            ErrorCode::kResourceExhausted);
  std::vector<std::string> names;
  for (const auto& status : board->List()) {
    names.push_back(status.settings.name);
  }
  EXPECT_THAT(names, ElementsAre("door", "yard"));
  EXPECT_THAT(metrics_.Text(), HasSubstr("ocelli_live_videos 2"));
  EXPECT_TRUE(board->Stop("door"));
  EXPECT_EQ(board->Stop("door").error().code, ErrorCode::kNotFound);
  EXPECT_THAT(board->List(), SizeIs(1));
  EXPECT_THAT(metrics_.Text(), HasSubstr("ocelli_live_videos 1"));
  EXPECT_TRUE(board->Start(Video("door")));
}

TEST_F(LiveBoardTest, UnknownNamesAreNotFound) {
  const auto board = Scripted();
  EXPECT_EQ(board->Stop("x").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(board->Find("x").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(board->Last("x").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(board->Next("x", nullptr, hours(1), {}).error().code,
            ErrorCode::kNotFound);
}

TEST_F(LiveBoardTest, RefusesWhatCannotBeFollowed) {
  const auto board = Scripted();
  const auto code = [&](const LiveVideoSettings& settings) {
    const auto done = board->Start(settings);
    return done ? ErrorCode::kInternal : done.error().code;
  };
  EXPECT_EQ(code(Video("../yard")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(Video("")), ErrorCode::kInvalidArgument);
  LiveVideoSettings settings = Video("yard");
  settings.effects = {"nonsense"};
  EXPECT_EQ(code(settings), ErrorCode::kInvalidArgument);
  settings.effects = {"sticker:file=/etc/hostname"};
  EXPECT_FALSE(board->Start(settings));
  EXPECT_THAT(board->List(), IsEmpty());
}

TEST_F(LiveBoardTest, WatchersShareFramesAndSlowOnesMissSome) {
  const auto board = Scripted();
  ASSERT_TRUE(board->Start(Video("yard")));
  EXPECT_EQ(board->Last("yard").value(), nullptr);
  std::shared_ptr<const LiveShot> quick, slow;
  const auto next = [&](std::shared_ptr<const LiveShot>& shot) {
    auto came = board->Next("yard", shot, hours(1), {});
    ASSERT_TRUE(came) << came.error().message;
    shot = *came;
  };
  for (std::uint64_t i = 1; i <= 5; ++i) {
    Show(i);
    next(quick);
    EXPECT_EQ(quick->frame.sequence, i);
    if (i == 1 || i == 5) {
      next(slow);
      EXPECT_EQ(slow, quick);
    }
  }
  EXPECT_EQ(board->Last("yard").value(), quick);
  EXPECT_EQ(board->Next("yard", quick, milliseconds(1), {}).value(), nullptr);
  const auto status = board->Find("yard");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->state, State::kRunning);
  EXPECT_EQ(status->width, 640);
  EXPECT_EQ(status->height, 480);
}

TEST_F(LiveBoardTest, SaysWhyAVideoIsAwayAndBeginsItAnew) {
  std::atomic<int> openings = 0;
  std::latch again(1), go(1);
  before_opening_ = [&](const LiveOptions&,
                        const std::stop_token&) -> Result<> {
    const int opening = ++openings;
    if (opening == 1) return Fail(ErrorCode::kUnavailable, "no camera");
    if (opening == 2) {
      again.count_down();
      go.wait();
    }
    return {};
  };
  const auto board = Scripted();
  ASSERT_TRUE(board->Start(Video("yard")));
  again.wait();
  auto status = board->Find("yard").value();
  EXPECT_EQ(status.state, State::kWaiting);
  EXPECT_EQ(status.error, "no camera");
  go.count_down();
  Show(1);
  EXPECT_EQ((*board->Next("yard", nullptr, hours(1), {}))->frame.sequence, 1u);
  status = board->Find("yard").value();
  EXPECT_EQ(status.state, State::kRunning);
  EXPECT_EQ(status.error, "");
  EXPECT_EQ(status.begun, 2u);
  // It fails in the middle: the last frame stays, and it goes on.
  const auto before = board->Last("yard").value();
  steps_.Push({{}, Error{ErrorCode::kDataLoss, "noise"}});
  Show(2);
  EXPECT_EQ((*board->Next("yard", before, hours(1), {}))->frame.sequence, 2u);
  EXPECT_EQ(board->Find("yard")->begun, 3u);
}

TEST_F(LiveBoardTest, WhatCanNeverGoWellFails) {
  const auto board = WithoutFaces();
  ASSERT_TRUE(board->Start(Video("yard", "gopher://x")));
  EXPECT_TRUE(EventuallyTrue(
      [&] { return board->Find("yard")->state == State::kFailed; }));
  EXPECT_THAT(board->Find("yard")->error, HasSubstr("gopher"));
  EXPECT_TRUE(board->Stop("yard"));
}

TEST_F(LiveBoardTest, AFileThatEndedKeepsItsLastFrame) {
  const auto board = WithoutFaces();
  LiveVideoSettings settings = Video("yard", ShortVideo(5));
  settings.real_time = false;
  ASSERT_TRUE(board->Start(settings));
  ASSERT_TRUE(EventuallyTrue(
      [&] { return board->Find("yard")->state == State::kEnded; }));
  const auto last = board->Last("yard").value();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->frame.sequence, 4u);
  EXPECT_EQ(board->Next("yard", nullptr, hours(1), {}).value(), last);
  EXPECT_EQ(board->Find("yard")->counters.frames_out, 5u);
  EXPECT_THAT(metrics_.Text(), HasSubstr("ocelli_live_frames_out_total 5"));
}

TEST_F(LiveBoardTest, AFileRepeatsWhenAsked) {
  const auto board = WithoutFaces();
  LiveVideoSettings settings = Video("yard", ShortVideo(3));
  settings.real_time = false;
  settings.repeat = true;
  ASSERT_TRUE(board->Start(settings));
  std::shared_ptr<const LiveShot> shot;
  do {
    shot = board->Next("yard", shot, hours(1), {}).value();
  } while (shot->frame.sequence < 20);
  EXPECT_GE(shot->frame.time, milliseconds(40) * 20);
  EXPECT_EQ(board->Find("yard")->begun, 1u);
  EXPECT_TRUE(board->Stop("yard"));
}

TEST_F(LiveBoardTest, AFileIsShownAtItsOwnPace) {
  // By a clock that stands still each frame has to wait for all of its time.
  FixedClock clock({});
  options_.clock = &clock;
  const auto board = WithoutFaces();
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(board->Start(Video("yard", ShortVideo(3))));
  ASSERT_TRUE(EventuallyTrue(
      [&] { return board->Find("yard")->state == State::kEnded; }));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, milliseconds(120));
}

TEST_F(LiveBoardTest, StoppingEndsSourcesThatHangAndWhoWatches) {
  std::latch opening(1);
  before_opening_ = [&](const LiveOptions& live,
                        const std::stop_token& stop) -> Result<> {
    if (live.source != "deaf") return {};
    opening.count_down();
    std::promise<void> stopped;
    const std::stop_callback told(stop, [&] { stopped.set_value(); });
    stopped.get_future().wait();
    return Fail(ErrorCode::kCancelled, "stopped");
  };
  const auto board = Scripted();
  ASSERT_TRUE(board->Start(Video("deaf", "deaf")));
  ASSERT_TRUE(board->Start(Video("mute")));
  opening.wait();
  std::vector<std::future<ErrorCode>> watching;
  for (const char* name : {"deaf", "mute"}) {
    watching.push_back(std::async(std::launch::async, [&board, name] {
      return board->Next(name, nullptr, hours(1), {}).error().code;
    }));
  }
  ASSERT_TRUE(EventuallyTrue([&] {
    return metrics_.Text().find("ocelli_live_watchers 2") != std::string::npos;
  }));
  board->StopAll();
  for (auto& one : watching) EXPECT_EQ(one.get(), ErrorCode::kNotFound);
  EXPECT_THAT(board->List(), IsEmpty());
  EXPECT_THAT(metrics_.Text(), HasSubstr("ocelli_live_watchers 0"));
}

TEST_F(LiveBoardTest, WhoWatchesCanGiveUp) {
  const auto board = Scripted();
  ASSERT_TRUE(board->Start(Video("yard")));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(
      board->Next("yard", nullptr, hours(1), stop.get_token()).error().code,
      ErrorCode::kCancelled);
}

TEST_F(LiveBoardTest, TellsWhoCollectsFaces) {
  std::atomic<std::uint64_t> seen = 0;
  std::string client;
  options_.on_shot = [&](const std::string& video, const LiveShot& shot) {
    EXPECT_EQ(video, "yard");
    client = WorkScope::client();
    seen = shot.frame.sequence;
  };
  std::vector<std::int64_t> described;
  options_.on_described = [&](const std::string& video, const Frame&,
                              const TrackedFace& face) {
    EXPECT_EQ(video, "yard");
    described.push_back(face.track);
  };
  before_opening_ = [&](const LiveOptions& live,
                        const std::stop_token&) -> Result<> {
    TrackedFace face;
    face.track = 3;
    live.on_described(Picture(0), face);
    return {};
  };
  const auto board = Scripted();
  ASSERT_TRUE(board->Start(Video("yard")));
  Show(7);
  ASSERT_TRUE(EventuallyTrue([&] { return seen == 7; }));
  EXPECT_TRUE(board->Stop("yard"));
  EXPECT_EQ(client, "camera/yard");
  EXPECT_THAT(described, ElementsAre(3));
}

TEST_F(LiveBoardTest, JpegsAreShared) {
  const auto board = Scripted();
  ASSERT_TRUE(board->Start(Video("yard")));
  Show(1);
  const auto shot = board->Next("yard", nullptr, hours(1), {}).value();
  const auto jpeg = board->Jpeg(shot, 320);
  ASSERT_TRUE(jpeg) << jpeg.error().message;
  EXPECT_EQ(board->Jpeg(board->Last("yard").value(), 320).value(), *jpeg);
  const auto image = DecodeImage(AsBytes(**jpeg));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->width(), 320);
  EXPECT_EQ(test::CornersOf(*image), "RGBY");
  EXPECT_EQ(board->Jpeg(nullptr, 320).error().code,
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace ocelli
