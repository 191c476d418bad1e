#include "live/tracker_relay.h"

#include <gmock/gmock.h>

#include "live/test_tracker.h"

namespace ocelli {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

class TrackerRelayTest : public testing::Test {
 protected:
  std::shared_ptr<FaceTracker> Tracker() {
    return std::make_shared<OneFaceTracker>(log_);
  }
  std::int64_t TrackOf(const std::shared_ptr<FaceTracker>& tracker,
                       microseconds time) {
    Frame frame;
    frame.time = time;
    const auto faces = relay_.Track(tracker, frame);
    EXPECT_TRUE(faces);
    return faces && faces->size() == 1 ? (*faces)[0].track : -1;
  }

  TrackerLog log_;
  TrackerRelay relay_;
};

TEST_F(TrackerRelayTest, AnotherTrackerGoesOnWithTheTracks) {
  EXPECT_EQ(TrackOf(Tracker(), seconds(0)), 1);
  EXPECT_EQ(TrackOf(Tracker(), seconds(100)), 1);
}

TEST_F(TrackerRelayTest, TimeOfATrackerBeginsWithTheLastFrameBefore) {
  const auto first = Tracker(), second = Tracker();
  TrackOf(first, seconds(0));
  TrackOf(first, seconds(100));
  TrackOf(second, seconds(101));
  TrackOf(second, seconds(103));
  std::vector<microseconds> times;
  for (const Frame& frame : log_.frames()) times.push_back(frame.time);
  EXPECT_THAT(times, testing::ElementsAre(seconds(0), seconds(100), seconds(1),
                                          seconds(3)));
}

TEST_F(TrackerRelayTest, GoesOnFromAnotherProcess) {
  FaceTrackerState state;
  state.next_id = 9;
  state.tracks.push_back({8, {}, {}, {}, {}});
  relay_.Resume(state, seconds(2));
  EXPECT_EQ(TrackOf(Tracker(), seconds(0)), 8);
}

}  // namespace
}  // namespace ocelli
