#include "embed/pooling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ocelli {
namespace {

using testing::ElementsAre;

// 0, 1, 2, ...
Tensor Counting(std::vector<std::int64_t> shape) {
  Tensor tensor = Tensor::Floats(std::move(shape));
  float next = 0;
  for (float& value : tensor.floats()) value = next++;
  return tensor;
}

TEST(Pool, NoneTakesOneVectorAPicture) {
  EXPECT_THAT(Pool(Counting({2, 2}), "none").value(),
              ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3)));
  EXPECT_THAT(Pool(Counting({1, 3, 1, 1}), "none").value(),
              ElementsAre(ElementsAre(0, 1, 2)));
}

TEST(Pool, TokensAreTheFirstOrTheMeanOfAll) {
  EXPECT_THAT(Pool(Counting({2, 3, 2}), "first-token").value(),
              ElementsAre(ElementsAre(0, 1), ElementsAre(6, 7)));
  EXPECT_THAT(Pool(Counting({2, 3, 2}), "mean-tokens").value(),
              ElementsAre(ElementsAre(2, 3), ElementsAre(8, 9)));
}

TEST(Pool, PlanesAreAveraged) {
  EXPECT_THAT(Pool(Counting({1, 2, 2, 2}), "spatial-mean").value(),
              ElementsAre(ElementsAre(1.5, 5.5)));
}

TEST(Pool, AnotherShapeIsDataLoss) {
  for (const auto& [shape, pooling] : std::initializer_list<
           std::pair<std::vector<std::int64_t>, std::string_view>>{
           {{2, 2, 2}, "none"},
           {{4}, "none"},
           {{1, 2, 2, 1}, "none"},
           {{2, 2}, "first-token"},
           {{1, 2, 2}, "spatial-mean"},
           {{0, 2}, "none"}}) {
    const auto pooled = Pool(Counting(shape), pooling);
    ASSERT_FALSE(pooled) << pooling;
    EXPECT_EQ(pooled.error().code, ErrorCode::kDataLoss);
  }
}

}  // namespace
}  // namespace ocelli
