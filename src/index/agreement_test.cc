#include "index/agreement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "index/retrieval.h"
#include "index/similarity_groups.h"

namespace ocelli {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::IsEmpty;

// Unit vectors at 0, 10, 25 and 90 degrees.
const std::vector<float> kFan = {1,       0,       .98481f, .17365f,
                                 .90631f, .42262f, 0,       1};

Ranking Order(std::vector<std::size_t> order) {
  return {.order = std::move(order), .similarities = {}};
}

TEST(RankOthers, NearestFirstWithoutTheQuery) {
  const Ranking ranking = RankOthers(kFan, 2, 1);
  EXPECT_THAT(ranking.order, ElementsAre(0, 2, 3));
  EXPECT_THAT(ranking.similarities,
              ElementsAre(FloatNear(.985f, 1e-3f), FloatNear(.966f, 1e-3f),
                          FloatNear(.174f, 1e-3f)));
}

TEST(OverlapAtK, CountsWhateverTheOrder) {
  EXPECT_EQ(OverlapAtK(Order({1, 2, 3, 4}), Order({2, 1, 4, 3}), 2), 1);
  EXPECT_EQ(OverlapAtK(Order({1, 2, 3, 4}), Order({2, 3, 4, 1}), 2), .5);
  EXPECT_EQ(OverlapAtK(Order({1, 2}), Order({2, 1}), 5), 1);
}

TEST(RankCorrelation, IsSpearmans) {
  const Ranking order = Order({0, 1, 3, 4});
  EXPECT_EQ(RankCorrelation(order, order), 1);
  EXPECT_EQ(RankCorrelation(order, Order({4, 3, 1, 0})), -1);
  // One swap of neighbours: 1 - 6 * 2 / (4 * 15).
  EXPECT_NEAR(RankCorrelation(order, Order({1, 0, 3, 4})), .8, 1e-12);
}

TEST(ScoreRetrieval, IsRightWhereLabelsFollowTheVectors) {
  const RetrievalScore score =
      ScoreRetrieval(kFan, 2, std::vector<int>{1, 1, 2, 2});
  // 0: 1 2 3 -> first; 1: 0 2 3 -> first; 2: 1 0 3 -> third; 3: 2 1 0 -> first.
  EXPECT_EQ(score.queries, 4u);
  EXPECT_EQ(score.p_at_1, .75);
  EXPECT_NEAR(score.p_at_10, 1. / 3, 1e-12);
  EXPECT_NEAR(score.map, (1 + 1 + 1. / 3 + 1) / 4, 1e-12);
}

TEST(ScoreRetrieval, ALabelThatOnlyOneHasIsNoQuery) {
  const RetrievalScore score =
      ScoreRetrieval(kFan, 2, std::vector<int>{1, 1, 2, 3});
  EXPECT_EQ(score.queries, 2u);
  EXPECT_EQ(score.map, 1);
  EXPECT_EQ(ScoreRetrieval({}, 2, {}).queries, 0u);
}

TEST(GroupSimilar, ChainsWhatIsLinked) {
  const auto always = [] { return true; };
  const auto wide = GroupSimilar(kFan, 2, .96f, always);
  ASSERT_EQ(wide.size(), 1u);
  EXPECT_THAT(wide[0].members, ElementsAre(0, 1, 2));
  EXPECT_NEAR(wide[0].least, .966f, 1e-3f);
  const auto narrow = GroupSimilar(kFan, 2, .98f, always);
  ASSERT_EQ(narrow.size(), 1u);
  EXPECT_THAT(narrow[0].members, ElementsAre(0, 1));
  EXPECT_THAT(GroupSimilar(kFan, 2, .999f, always), IsEmpty());
  EXPECT_THAT(GroupSimilar(kFan, 2, .9f, [] { return false; }).at(0).members,
              ElementsAre(0, 1, 2));
}

}  // namespace
}  // namespace ocelli
