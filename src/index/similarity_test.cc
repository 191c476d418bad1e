#include "index/similarity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "index/test_vectors.h"

namespace ocelli {
namespace {

using testing::HasSubstr;

TEST(DotProducts, AreRightForEveryDimensionAndNumberOfQueries) {
  std::mt19937 random(1);
  for (const int dimension : {1, 2, 15, 16, 17, 31, 64, 100, 515}) {
    const auto size = static_cast<std::size_t>(dimension);
    for (const std::size_t queries : {1, 3, 4, 9}) {
      const auto vectors = RandomVectors(7, dimension, random);
      const auto asked = RandomVectors(queries, dimension, random);
      std::vector<float> products(7 * queries);
      DotProducts(vectors.data(), 7, size, asked.data(), queries,
                  products.data());
      for (std::size_t q = 0; q < queries; ++q) {
        for (std::size_t row = 0; row < 7; ++row) {
          double expected = 0;
          for (std::size_t i = 0; i < size; ++i) {
            expected += double{vectors[row * size + i]} * asked[q * size + i];
          }
          EXPECT_NEAR(products[q * 7 + row], expected, 1e-4) << dimension;
        }
      }
    }
  }
}

TEST(Similarity, StaysWithinItsRange) {
  // Of unit length but for rounding, which makes the product more than 1.
  const std::vector<float> one = {0.6000001f, 0.8000001f};
  const std::vector<float> other = {-0.6000001f, -0.8000001f};
  EXPECT_EQ(Similarity(Metric::kCosine, one, one), 1);
  EXPECT_EQ(Similarity(Metric::kCosine, one, other), -1);
  EXPECT_EQ(Similarity(Metric::kL2, one, one), 1);
  const std::vector<float> far = {1e15f, 0}, back = {-1e15f, 0};
  EXPECT_GT(Similarity(Metric::kL2, far, back), 0);
}

TEST(PrepareVector, GivesUnitLengthToAnyDirection) {
  const float smallest = std::numeric_limits<float>::denorm_min();
  const float largest = std::numeric_limits<float>::max();
  for (const float length : {smallest, 1e-20f, 1.0f, 1e20f, largest}) {
    std::vector<float> vector = {-length, length, length, -length};
    ASSERT_TRUE(PrepareVector(Metric::kCosine, 4, vector));
    for (const float value : vector) EXPECT_EQ(std::abs(value), 0.5f);
  }
}

TEST(PrepareVector, LeavesUnitVectorsAsTheyAre) {
  std::mt19937 random(2);
  for (const int dimension : {3, 128, 1280}) {
    auto vector = RandomVectors(1, dimension, random);
    ASSERT_TRUE(PrepareVector(Metric::kCosine, dimension, vector));
    auto again = vector;
    ASSERT_TRUE(PrepareVector(Metric::kCosine, dimension, again));
    EXPECT_EQ(again, vector);
  }
}

TEST(PrepareVector, KeepsLengthsForEuclideanDistances) {
  std::vector<float> vector = {0, 0};
  EXPECT_TRUE(PrepareVector(Metric::kL2, 2, vector));
  vector = {3, 4};
  EXPECT_TRUE(PrepareVector(Metric::kL2, 2, vector));
  EXPECT_EQ(vector[1], 4);
  vector = {1e15f, 1e15f};
  EXPECT_THAT(PrepareVector(Metric::kL2, 2, vector).error().message,
              HasSubstr("longer than 1e15"));
}

}  // namespace
}  // namespace ocelli
