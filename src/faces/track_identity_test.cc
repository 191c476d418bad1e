#include "faces/track_identity.h"

#include <gtest/gtest.h>

#include <limits>

namespace ocelli {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

class TrackIdentitiesTest : public testing::Test {
 protected:
  void Vote(std::int64_t track, const std::string& name, float similarity,
            int times = 1) {
    for (int i = 0; i < times; ++i) {
      identities_.Vote(track, name, similarity, time_ += milliseconds(40));
    }
  }
  std::string NameOf(std::int64_t track) const {
    return identities_.VerdictOf(track).name;
  }
  bool Decided(std::int64_t track) const {
    return identities_.VerdictOf(track).decided;
  }

  TrackIdentities identities_;
  microseconds time_{};
};

TEST_F(TrackIdentitiesTest, KnowsNothingOfATrackWithoutVotes) {
  EXPECT_FALSE(Decided(7));
  EXPECT_EQ(NameOf(7), "");
  EXPECT_TRUE(identities_.Due(7, microseconds(0)));
}

TEST_F(TrackIdentitiesTest, DecidesAfterThreeAgreeingVotes) {
  Vote(1, "Ada", .5f, 2);
  EXPECT_FALSE(Decided(1));
  EXPECT_EQ(NameOf(1), "");
  Vote(1, "Ada", .8f);
  EXPECT_TRUE(Decided(1));
  EXPECT_EQ(NameOf(1), "Ada");
  EXPECT_NEAR(identities_.VerdictOf(1).similarity, .6f, 1e-6);
}

TEST_F(TrackIdentitiesTest, DecidesThatNobodyIsKnown) {
  Vote(1, "", 0, 3);
  EXPECT_TRUE(Decided(1));
  EXPECT_EQ(NameOf(1), "");
}

TEST_F(TrackIdentitiesTest, VotesThatDisagreeDecideNothing) {
  Vote(1, "Ada", .5f);
  Vote(1, "Bob", .5f);
  Vote(1, "", 0);
  Vote(1, "Cyd", .5f);
  EXPECT_FALSE(Decided(1));
}

TEST_F(TrackIdentitiesTest, AFewWrongVotesChangeNothing) {
  Vote(1, "Ada", .6f, 9);
  Vote(1, "Bob", .9f, 3);
  EXPECT_EQ(NameOf(1), "Ada");
  Vote(1, "", 0, 2);
  EXPECT_EQ(NameOf(1), "Ada");
  EXPECT_NEAR(identities_.VerdictOf(1).similarity, .6f, 1e-6);
}

TEST_F(TrackIdentitiesTest, ManyVotesChangeAName) {
  Vote(1, "Ada", .6f, 9);
  Vote(1, "Bob", .9f, 5);
  EXPECT_EQ(NameOf(1), "Ada");
  Vote(1, "Bob", .9f);
  EXPECT_EQ(NameOf(1), "Bob");
}

TEST_F(TrackIdentitiesTest, AnUnknownFaceGetsANameByThreeVotes) {
  Vote(1, "", 0, 9);
  Vote(1, "Ada", .6f, 2);
  EXPECT_EQ(NameOf(1), "");
  Vote(1, "Ada", .6f);
  EXPECT_EQ(NameOf(1), "Ada");
}

TEST_F(TrackIdentitiesTest, TheMoreSimilarFaceHasTheName) {
  Vote(1, "Ada", .5f, 3);
  Vote(2, "Ada", .52f, 9);
  EXPECT_EQ(NameOf(1), "Ada");
  EXPECT_EQ(NameOf(2), "");
  EXPECT_FALSE(Decided(2));
  Vote(2, "Ada", .8f, 5);
  EXPECT_EQ(NameOf(2), "Ada");
  EXPECT_EQ(NameOf(1), "");
  EXPECT_FALSE(Decided(1));
  EXPECT_EQ(identities_.HolderOf("Ada"), 2);
}

TEST_F(TrackIdentitiesTest, AFaceThatIsGoneGivesItsNameUp) {
  Vote(1, "Ada", .9f, 3);
  Vote(2, "Ada", .5f, 3);
  EXPECT_EQ(NameOf(2), "");
  identities_.SetSeen(1, false);
  Vote(2, "Ada", .5f);
  EXPECT_EQ(NameOf(2), "Ada");
  EXPECT_EQ(NameOf(1), "");
}

TEST_F(TrackIdentitiesTest, ATrackThatEndsGivesItsNameUp) {
  Vote(1, "Ada", .9f, 3);
  identities_.End(1);
  EXPECT_EQ(identities_.HolderOf("Ada"), TrackIdentities::kNobody);
  Vote(2, "Ada", .5f, 3);
  EXPECT_EQ(NameOf(2), "Ada");
}

TEST_F(TrackIdentitiesTest, AsksSoonThenSeldom) {
  identities_.Vote(1, "Ada", .6f, microseconds(0));
  EXPECT_FALSE(identities_.Due(1, milliseconds(100)));
  EXPECT_TRUE(identities_.Due(1, milliseconds(150)));
  identities_.Vote(1, "Ada", .6f, milliseconds(150));
  identities_.Vote(1, "Ada", .6f, milliseconds(300));
  EXPECT_FALSE(identities_.Due(1, milliseconds(5200)));
  EXPECT_TRUE(identities_.Due(1, milliseconds(5300)));
  // A vote against it is looked into.
  identities_.Vote(1, "Bob", .6f, milliseconds(5300));
  EXPECT_TRUE(identities_.Due(1, milliseconds(5500)));
}

TEST_F(TrackIdentitiesTest, AsksAFaceThatStaysUndecidedLessAndLess) {
  microseconds time{};
  int votes = 0;
  for (; time < std::chrono::seconds(60); time += milliseconds(50)) {
    if (!identities_.Due(1, time)) continue;
    identities_.Vote(1, std::to_string(votes++), .4f, time);
  }
  EXPECT_GE(votes, 15);
  EXPECT_LE(votes, 30);
}

TEST_F(TrackIdentitiesTest, WaitsForAGoodFaceButNotForever) {
  EXPECT_TRUE(identities_.Worthwhile(1, .5f, microseconds(0)));
  EXPECT_FALSE(identities_.Worthwhile(1, .2f, microseconds(0)));
  EXPECT_FALSE(identities_.Due(1, milliseconds(100)));
  EXPECT_TRUE(identities_.Due(1, milliseconds(150)));
  EXPECT_FALSE(identities_.Worthwhile(1, .2f, milliseconds(4900)));
  EXPECT_TRUE(identities_.Worthwhile(1, .2f, milliseconds(5000)));
  EXPECT_FALSE(identities_.Worthwhile(1, .05f, milliseconds(9000)));
  EXPECT_FALSE(identities_.Worthwhile(
      1, std::numeric_limits<float>::quiet_NaN(), milliseconds(9000)));
}

TEST_F(TrackIdentitiesTest, ASimilarityThatIsNoNumberIsNoVote) {
  Vote(1, "Ada", std::numeric_limits<float>::quiet_NaN(), 5);
  EXPECT_FALSE(Decided(1));
  EXPECT_FALSE(identities_.Due(1, time_ + milliseconds(10)));
}

TEST_F(TrackIdentitiesTest, AskSoonKeepsTheVerdict) {
  Vote(1, "Ada", .6f, 3);
  EXPECT_FALSE(identities_.Due(1, time_ + milliseconds(200)));
  identities_.AskSoon(1, time_ + milliseconds(200));
  EXPECT_TRUE(identities_.Due(1, time_ + milliseconds(200)));
  EXPECT_EQ(NameOf(1), "Ada");
}

TEST_F(TrackIdentitiesTest, GoesOnWithTheVotesOfBefore) {
  Vote(1, "Ada", .6f, 4);
  Vote(1, "Bob", .9f, 5);
  TrackIdentities next;
  next.Restore(1, identities_.VotesOf(1), microseconds(0));
  EXPECT_EQ(next.VerdictOf(1).name, "Ada");
  EXPECT_TRUE(next.VerdictOf(1).decided);
  EXPECT_TRUE(next.Due(1, microseconds(0)));
  next.Vote(1, "Bob", .9f, microseconds(0));
  EXPECT_EQ(next.VerdictOf(1).name, "Bob");
}

TEST_F(TrackIdentitiesTest, ATrackOfBeforeTakesNoNameThatAnotherHas) {
  Vote(1, "Ada", .6f, 3);
  TrackIdentities next;
  for (int i = 0; i < 3; ++i) next.Vote(7, "Ada", .6f, microseconds(0));
  next.Restore(1, identities_.VotesOf(1), microseconds(0));
  EXPECT_EQ(next.VerdictOf(1).name, "");
  EXPECT_EQ(next.HolderOf("Ada"), 7);
}

TEST_F(TrackIdentitiesTest, KeepsNoMoreVotesThanItWouldHave) {
  TrackVotes many;
  many.count = 1000;
  for (int i = 0; i < 1000; ++i) {
    many.ballots.push_back({i < 995 ? "Ada" : "Bob", .5f});
  }
  identities_.Restore(1, many, microseconds(0));
  EXPECT_EQ(identities_.VotesOf(1).ballots.size(), 9u);
  EXPECT_EQ(identities_.VotesOf(1).ballots.back().name, "Bob");
  EXPECT_TRUE(identities_.VotesOf(2).ballots.empty());
}

TEST_F(TrackIdentitiesTest, RestartForgets) {
  Vote(1, "Ada", .9f, 3);
  identities_.Restart(1);
  EXPECT_FALSE(Decided(1));
  EXPECT_TRUE(identities_.Due(1, time_));
}

}  // namespace
}  // namespace ocelli
