#include "faces/unknown_people.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <thread>

#include "faces/test_gallery.h"

namespace ocelli {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::ElementsAre;

SeenFace FaceSeen(std::vector<float> descriptor, float quality = 0.5f,
                  int picture = 1) {
  SeenFace face;
  face.descriptor = std::move(descriptor);
  face.quality.overall = quality;
  face.picture = PictureNumber(picture, 100);
  face.source = "door";
  return face;
}

class UnknownPeopleTest : public testing::Test {
 protected:
  std::string Saw(std::size_t axis, float lean = 0, std::size_t towards = 127,
                  float quality = 0.5f, int picture = 1) {
    return people_
        .Saw(FaceSeen(Direction(axis, lean, towards), quality, picture))
        .value_or("");
  }

  FixedClock clock_{std::chrono::system_clock::time_point(seconds(1000))};
  UnknownPeople people_{
      {.people = 4, .faces = 3, .bytes = 1 << 20, .age = hours(1)}, clock_};
};

TEST_F(UnknownPeopleTest, FacesOfOnePersonAreOneGroup) {
  const std::string a = Saw(0);
  clock_.Advance(seconds(5));
  EXPECT_EQ(Saw(0, 0.8f), a);
  const std::string b = Saw(1);
  EXPECT_NE(a, b);
  const auto list = people_.List();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].id, a);
  EXPECT_EQ(list[0].seen, 2u);
  EXPECT_EQ(list[0].last_seen - list[0].first_seen, seconds(5));
  EXPECT_EQ(list[0].last_source, "door");
  EXPECT_EQ(list[0].pictures, 2u);
  EXPECT_EQ(list[1].id, b);
}

TEST_F(UnknownPeopleTest, GroupsThatTurnOutToBeOneAreJoined) {
  const std::string a = Saw(0);
  Saw(0);
  const std::string b = Saw(1);
  EXPECT_NE(a, b);
  // Of both, but nearer to what is known of a, whose average comes nearer to b.
  EXPECT_EQ(Saw(0, 0.69f, 1), a);
  EXPECT_EQ(people_.List().size(), 2u);
  EXPECT_EQ(Saw(0, 0.85f, 1, 0.6f), a);
  const auto list = people_.List();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].id, a);
  EXPECT_EQ(list[0].seen, 5u);
  EXPECT_EQ(Saw(1), a);
  EXPECT_EQ(people_.PictureOf(b, 0).error().code, ErrorCode::kNotFound);
}

TEST_F(UnknownPeopleTest, KeepsTheBestOfThoseThatAreAlike) {
  const std::string id = Saw(0, 0, 127, 0.2f, 1);
  Saw(0, 0.1f, 127, 0.9f, 2);
  Saw(0, 0.2f, 127, 0.4f, 3);
  EXPECT_EQ(people_.List()[0].pictures, 1u);
  EXPECT_EQ(people_.PictureOf(id, 0).value(), PictureNumber(2, 100));
}

TEST_F(UnknownPeopleTest, KeepsFewThatAreGoodAndUnlikeEachOther) {
  const std::string id = Saw(0, 0, 127, 0.5f, 1);
  Saw(0, 0.6f, 10, 0.6f, 2);
  Saw(0, 0.6f, 11, 0.1f, 3);  // The worst.
  Saw(0, 0.6f, 12, 0.7f, 4);
  EXPECT_EQ(people_.List()[0].pictures, 3u);
  EXPECT_EQ(people_.List()[0].seen, 4u);
  EXPECT_EQ(people_.PictureOf(id, 0).value(), PictureNumber(4, 100));
  EXPECT_EQ(people_.PictureOf(id, 1).value(), PictureNumber(2, 100));
  EXPECT_EQ(people_.PictureOf(id, 2).value(), PictureNumber(1, 100));
  EXPECT_EQ(people_.PictureOf(id, 3).error().code, ErrorCode::kNotFound);
}

TEST_F(UnknownPeopleTest, TakingGivesTheFacesAndForgets) {
  SeenFace face = FaceSeen(Direction(0));
  face.image = Image(5);
  face.box = {1, 2, 3, 4};
  const std::string id = people_.Saw(face).value();
  const auto faces = people_.Take(id).value();
  ASSERT_EQ(faces.size(), 1u);
  EXPECT_EQ(faces[0].descriptor, Direction(0));
  EXPECT_EQ(faces[0].picture, face.picture);
  EXPECT_EQ(faces[0].image, Image(5));
  EXPECT_EQ(faces[0].box, face.box);
  EXPECT_EQ(people_.Take(id).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(people_.List().empty());
  EXPECT_NE(Saw(0), id);
}

TEST_F(UnknownPeopleTest, ForgetsOneAndWhoLooksLikeSomebody) {
  const std::string a = Saw(0);
  Saw(1);
  Saw(2);
  EXPECT_TRUE(people_.Forget(a));
  EXPECT_EQ(people_.Forget(a).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(people_.ForgetLike(Direction(1, 0.5f)), 1u);
  EXPECT_EQ(people_.ForgetLike({}), 0u);
  ASSERT_EQ(people_.List().size(), 1u);
  EXPECT_EQ(Saw(2), people_.List()[0].id);
}

TEST_F(UnknownPeopleTest, WhoIsNotSeenForLongIsForgotten) {
  const std::string a = Saw(0);
  clock_.Advance(std::chrono::minutes(40));
  const std::string b = Saw(1);
  clock_.Advance(std::chrono::minutes(40));
  EXPECT_EQ(people_.PictureOf(a, 0).error().code, ErrorCode::kNotFound);
  ASSERT_EQ(people_.List().size(), 1u);
  EXPECT_EQ(people_.List()[0].id, b);
  EXPECT_NE(Saw(0), a);
}

TEST_F(UnknownPeopleTest, OverItsLimitTheLeastSeenGo) {
  const std::string often = Saw(0);
  for (std::size_t axis = 0; axis < 10; ++axis) {
    clock_.Advance(seconds(1));
    Saw(axis);
  }
  const auto list = people_.List();
  ASSERT_EQ(list.size(), 4u);
  EXPECT_EQ(list[0].id, often);
  EXPECT_EQ(Saw(9), list[1].id);
}

TEST_F(UnknownPeopleTest, NeverHoldsMoreBytesThanItMay) {
  UnknownPeople people({.bytes = 10'000}, clock_);
  for (std::size_t axis = 0; axis < 20; ++axis) {
    SeenFace face = FaceSeen(Direction(axis));
    face.picture = PictureNumber(1, 2000);
    people.Saw(std::move(face));
  }
  EXPECT_EQ(people.List().size(), 3u);
  clock_.Advance(seconds(1));
  SeenFace large = FaceSeen(Direction(50));
  large.picture = PictureNumber(1, 20'000);
  people.Saw(std::move(large));
  EXPECT_TRUE(people.List().empty());
}

TEST_F(UnknownPeopleTest, WhatCannotBeComparedIsNotKept) {
  auto nan = Direction(0);
  nan[3] = std::numeric_limits<float>::quiet_NaN();
  for (const auto& bad : {std::vector<float>(), std::vector<float>(128), nan}) {
    EXPECT_FALSE(people_.Saw(FaceSeen(bad)));
  }
  EXPECT_TRUE(people_.List().empty());
  // Of another model: another person.
  EXPECT_NE(people_.Saw(FaceSeen({1, 0})), people_.Saw(FaceSeen(Direction(0))));
  // What is no JPEG is not shown to anybody.
  SeenFace face = FaceSeen(Direction(3));
  face.picture[0] = std::byte{0};
  const auto id = people_.Saw(std::move(face)).value();
  EXPECT_EQ(people_.PictureOf(id, 0).error().code, ErrorCode::kNotFound);
}

TEST_F(UnknownPeopleTest, AnIdIs128RandomBits) {
  std::uint32_t next = 0xfffffffe;
  UnknownPeople people({}, clock_, [&] { return next++; });
  EXPECT_EQ(people.Saw(FaceSeen(Direction(0))).value(),
            "fffffffeffffffff0000000000000001");
  std::set<std::string> ids;
  for (std::size_t axis = 0; axis < 4; ++axis) ids.insert(Saw(axis));
  EXPECT_EQ(ids.size(), 4u);
}

TEST_F(UnknownPeopleTest, MayBeUsedByManyThreads) {
  UnknownPeople people({.people = 8}, clock_);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < 200; ++i) {
        const auto id = people.Saw(FaceSeen(Direction((t * 7 + i) % 20)));
        ASSERT_TRUE(id);
        static_cast<void>(people.PictureOf(*id, 0));
        if (i % 10 == 0) static_cast<void>(people.Take(*id));
        EXPECT_LE(people.List().size(), 8u);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace ocelli
