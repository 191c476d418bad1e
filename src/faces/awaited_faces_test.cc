#include "faces/awaited_faces.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace ocelli {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

const std::vector<float> kAda = {1, 0}, kBob = {0, 1};
// Nearer to Ada than the threshold.
const std::vector<float> kAdaLater = {.8f, .6f};
constexpr RectF kLeft{10, 10, 40, 40}, kRight{200, 10, 40, 40};
constexpr RectF kNearLeft{20, 15, 44, 42}, kElsewhere{400, 300, 40, 40};

TrackState Track(std::int64_t id, const RectF& box,
                 std::vector<float> descriptor = {}, microseconds unseen = {}) {
  TrackState state;
  state.id = id;
  state.box = box;
  state.descriptor = std::move(descriptor);
  state.unseen_for = unseen;
  return state;
}

AwaitedFaces Await(std::vector<TrackState> faces, microseconds gap = {}) {
  AwaitedFaces::Options options;
  options.threshold = .7f;
  options.by_place = seconds(10);
  options.by_descriptor = seconds(60);
  AwaitedFaces awaited(options, std::move(faces), 640, 480, gap);
  awaited.PictureIs(640, 480);
  return awaited;
}

std::int64_t IdOf(const std::optional<TrackState>& state) {
  return state ? state->id : 0;
}

TEST(AwaitedFaces, KnowsAFaceByItsLookWhereverItIs) {
  auto awaited = Await({Track(1, kLeft, kAda), Track(2, kRight, kBob)});
  EXPECT_EQ(IdOf(awaited.Take(kElsewhere, kAdaLater)), 1);
  EXPECT_EQ(IdOf(awaited.Take(kElsewhere, kAdaLater)), 0);
  EXPECT_EQ(IdOf(awaited.Take(kLeft, kBob)), 2);
  EXPECT_TRUE(awaited.empty());
}

TEST(AwaitedFaces, SomebodyElseInThePlaceIsNotTheSame) {
  auto awaited = Await({Track(1, kLeft, kAda)});
  EXPECT_EQ(IdOf(awaited.Take(kLeft, kBob)), 0);
  EXPECT_FALSE(awaited.empty());
}

TEST(AwaitedFaces, ADoubtfulLookCountsWhereThePlaceIsRight) {
  const std::vector<float> doubtful = {.5f, .866f};
  auto awaited = Await({Track(1, kLeft, kAda)});
  EXPECT_EQ(IdOf(awaited.Take(kElsewhere, doubtful)), 0);
  EXPECT_EQ(IdOf(awaited.Take(kNearLeft, doubtful)), 1);
}

TEST(AwaitedFaces, WithoutALookThePlaceCounts) {
  auto awaited = Await({Track(1, kLeft, kAda), Track(2, kRight)});
  EXPECT_EQ(IdOf(awaited.Take(kElsewhere, {})), 0);
  EXPECT_EQ(IdOf(awaited.Take(kNearLeft, {})), 1);
  // Nobody knows how this one looked.
  EXPECT_EQ(IdOf(awaited.Take(kRight, kBob)), 2);
}

TEST(AwaitedFaces, TheNearestPlaceCounts) {
  auto awaited = Await({Track(1, kNearLeft), Track(2, kLeft)});
  EXPECT_EQ(IdOf(awaited.Take(kLeft, {})), 2);
}

TEST(AwaitedFaces, PlacesAreForgottenSoonerThanLooks) {
  auto awaited = Await({Track(1, kLeft, kAda), Track(2, kRight)}, seconds(11));
  ASSERT_EQ(awaited.faces().size(), 1u);
  EXPECT_EQ(awaited.faces()[0].unseen_for, seconds(11));
  EXPECT_EQ(IdOf(awaited.Take(kLeft, {})), 0);
  EXPECT_EQ(IdOf(awaited.Take(kElsewhere, kAda)), 1);
}

TEST(AwaitedFaces, WaitsForNobodyForEver) {
  auto awaited = Await({Track(1, kLeft, kAda, seconds(20))}, seconds(20));
  awaited.Pass(seconds(20));
  EXPECT_FALSE(awaited.empty());
  awaited.Pass(microseconds(1));
  EXPECT_TRUE(awaited.empty());
}

TEST(AwaitedFaces, PlacesInAnotherPictureMeanNothing) {
  auto awaited = Await({Track(1, kLeft, kAda), Track(2, kRight)});
  awaited.PictureIs(1280, 720);
  ASSERT_EQ(awaited.faces().size(), 1u);
  EXPECT_EQ(IdOf(awaited.Take(kLeft, {})), 0);
  EXPECT_EQ(IdOf(awaited.Take(kLeft, kAda)), 1);
}

TEST(AwaitedFaces, AGapIsNeverNegative) {
  auto awaited = Await({Track(1, kLeft)}, -seconds(100));
  EXPECT_EQ(awaited.faces()[0].unseen_for, seconds(0));
}

TEST(AwaitedFaces, NumbersThatAreNoneMatchNothing) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  auto awaited = Await({Track(1, {kNan, 0, kNan, 40}, {kNan, kNan})});
  EXPECT_EQ(IdOf(awaited.Take(kLeft, kAda)), 0);
  EXPECT_EQ(IdOf(awaited.Take(kLeft, {})), 0);
}

}  // namespace
}  // namespace ocelli
