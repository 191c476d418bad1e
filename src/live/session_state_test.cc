#include "live/session_state.h"

#include <gtest/gtest.h>
#include <ocelli/v1/session.pb.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <span>

namespace ocelli {
namespace {

using std::chrono::microseconds;

SessionState Example() {
  SessionState state;
  state.settings = {{"--effect", {"beauty", "sticker:file=\xff.png"}},
                    {"--no-smoothing", {"true"}}};
  state.counters = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  state.tracker.width = 1280;
  state.tracker.height = 720;
  state.tracker.next_id = 12;
  state.tracker.describer = std::string(64, 'a');
  TrackState ada;
  ada.id = 4;
  ada.box = {10.5f, -3, 40, 50};
  ada.unseen_for = microseconds(1'500'000);
  ada.descriptor = {.6f, -.8f};
  ada.votes = {{{"Ada", .5f}, {"", 0}, {"Ada", .7f}}, {"Ada", .6f, true}, 30};
  TrackState nobody;
  nobody.id = 11;
  state.tracker.tracks = {ada, nobody};
  return state;
}

v1::LiveSessionState ExampleMessage() {
  v1::LiveSessionState message;
  EXPECT_TRUE(message.ParseFromString(SerializeSessionState(Example())));
  return message;
}

TEST(SessionState, ComesBackAsItWas) {
  const SessionState before = Example();
  const auto after = ParseSessionState(SerializeSessionState(before));
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(after->settings, before.settings);
  EXPECT_EQ(after->counters, before.counters);
  EXPECT_FALSE(after->ended);
  const FaceTrackerState& tracker = after->tracker;
  EXPECT_EQ(tracker.width, 1280);
  EXPECT_EQ(tracker.height, 720);
  EXPECT_EQ(tracker.next_id, 12);
  EXPECT_EQ(tracker.describer, before.tracker.describer);
  ASSERT_EQ(tracker.tracks.size(), 2u);
  const TrackState& ada = tracker.tracks[0];
  EXPECT_EQ(ada.id, 4);
  EXPECT_EQ(ada.box, before.tracker.tracks[0].box);
  EXPECT_EQ(ada.unseen_for, microseconds(1'500'000));
  EXPECT_EQ(ada.descriptor, before.tracker.tracks[0].descriptor);
  ASSERT_EQ(ada.votes.ballots.size(), 3u);
  EXPECT_EQ(ada.votes.ballots[2].name, "Ada");
  EXPECT_EQ(ada.votes.ballots[2].similarity, .7f);
  EXPECT_TRUE(ada.votes.verdict.decided);
  EXPECT_EQ(ada.votes.verdict.name, "Ada");
  EXPECT_EQ(ada.votes.count, 30);
  EXPECT_FALSE(tracker.tracks[1].votes.verdict.decided);
}

TEST(SessionState, WhatNobodyCouldReadIsLeftOut) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  SessionState state = Example();
  state.settings.push_back({"--effect", {std::string(100'000, 'x')}});
  state.tracker.tracks[0].box = {kNan, 0, 1e30f, 5};
  state.tracker.tracks[0].descriptor = {kNan, 1};
  state.tracker.tracks[0].unseen_for = -microseconds(5);
  const auto after = ParseSessionState(SerializeSessionState(state));
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(after->settings.size(), 2u);
  EXPECT_EQ(after->tracker.tracks[0].box, RectF());
  EXPECT_TRUE(after->tracker.tracks[0].descriptor.empty());
  EXPECT_EQ(after->tracker.tracks[0].unseen_for, microseconds(0));
}

TEST(SessionState, AnotherVersionIsNamed) {
  auto message = ExampleMessage();
  message.set_version(7);
  const auto refused = ParseSessionState(message.SerializeAsString());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kDataLoss);
  EXPECT_NE(refused.error().message.find("version 7"), std::string::npos);
  EXPECT_FALSE(ParseSessionState(""));
  EXPECT_FALSE(ParseSessionState("hello, world"));
}

TEST(SessionState, ValuesThatNoSessionHasAreRefused) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  using Change = std::function<void(v1::LiveSessionState&)>;
  const auto track = [](std::function<void(v1::Track&)> change) -> Change {
    return [change](v1::LiveSessionState& message) {
      change(*message.mutable_tracker()->mutable_tracks(0));
    };
  };
  const std::vector<Change> changes = {
      track([](v1::Track& t) { t.set_x(kNan); }),
      track([](v1::Track& t) { t.set_y(kInfinity); }),
      track([](v1::Track& t) { t.set_width(-1); }),
      track([](v1::Track& t) { t.set_height(1e20f); }),
      track([](v1::Track& t) { t.set_id(0); }),
      track([](v1::Track& t) { t.set_id(11); }),  // The other's.
      track([](v1::Track& t) { t.set_id(INT64_MAX); }),
      track([](v1::Track& t) { t.set_unseen_us(UINT64_MAX); }),
      track([](v1::Track& t) { t.set_votes(UINT32_MAX); }),
      track([](v1::Track& t) { t.set_face_descriptor(0, kNan); }),
      track([](v1::Track& t) { t.set_face_descriptor(0, 3); }),
      track([](v1::Track& t) {
        for (int i = 0; i < 5000; ++i) t.add_face_descriptor(0);
      }),
      track([](v1::Track& t) { t.mutable_ballots(0)->set_similarity(kNan); }),
      track([](v1::Track& t) { t.mutable_verdict()->set_similarity(9); }),
      track([](v1::Track& t) { t.clear_ballots(); }),  // Yet it is decided.
      track([](v1::Track& t) {
        t.mutable_ballots(0)->set_name(std::string(5000, 'x'));
      }),
      track([](v1::Track& t) {
        for (int i = 0; i < 100; ++i) t.add_ballots();
      }),
      [](auto& m) { m.mutable_tracker()->set_next_id(INT64_MAX); },
      [](auto& m) { m.mutable_tracker()->set_next_id(-1); },
      [](auto& m) { m.mutable_tracker()->set_width(UINT32_MAX); },
      [](auto& m) { m.mutable_tracker()->set_describer("hello"); },
      [](auto& m) { m.mutable_counters()->set_next_sequence(UINT64_MAX); },
      [](auto& m) { m.mutable_counters()->set_frames_in(UINT64_MAX); },
      [](auto& m) {
        for (int i = 0; i < 100; ++i) m.add_settings();
      },
      [](auto& m) {
        m.mutable_settings(0)->add_values(std::string(5000, 'x'));
      },
      [](auto& m) {
        for (int i = 2; i < 2000; ++i) {
          m.mutable_tracker()->add_tracks()->set_id(100 + i);
        }
      }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    auto message = ExampleMessage();
    changes[i](message);
    const auto refused = ParseSessionState(message.SerializeAsString());
    ASSERT_FALSE(refused) << i;
    EXPECT_EQ(refused.error().code, ErrorCode::kDataLoss);
  }
}

TEST(SessionState, BytesThatWereChangedAreReadOrRefused) {
  const std::string bytes = SerializeSessionState(Example());
  std::minstd_rand random(7);
  int read = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string changed = bytes;
    for (int i = static_cast<int>(random() % 4); i >= 0; --i) {
      changed[random() % changed.size()] = static_cast<char>(random());
    }
    if (random() % 4 == 0) changed.resize(random() % changed.size());
    const auto state = ParseSessionState(changed);
    if (!state) continue;
    ++read;
    for (const TrackState& track : state->tracker.tracks) {
      EXPECT_TRUE(std::isfinite(track.box.area()));
      EXPECT_GE(track.id, 1);
    }
    // What was read can be kept and read again.
    EXPECT_TRUE(ParseSessionState(SerializeSessionState(*state)));
  }
  EXPECT_GT(read, 100);
}

}  // namespace
}  // namespace ocelli
