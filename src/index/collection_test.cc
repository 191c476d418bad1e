#include "index/collection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/test_folder.h"
#include "index/test_vectors.h"

namespace ocelli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CollectionTest : public testing::Test {
 protected:
  std::unique_ptr<Collection> MustCreate(int dimension = 2,
                                         Metric metric = Metric::kCosine) {
    auto made = Collection::Create(folder_.path(), Spec(dimension, metric));
    EXPECT_TRUE(made) << made.error().message;
    return made ? std::move(*made) : nullptr;
  }
  std::unique_ptr<Collection> MustOpen(const CollectionOptions& options = {}) {
    auto opened = Collection::Open(folder_.path(), "flags", options);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }

  TestFolder folder_;
};

TEST_F(CollectionTest, ExistsOnceByEachName) {
  MustCreate();
  auto again = Collection::Create(folder_.path(), Spec(3));
  EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(MustOpen()->spec().dimension, 2);
  auto other = Collection::Open(folder_.path(), "birds");
  EXPECT_EQ(other.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(other.error().message, HasSubstr("there are: flags"));
  EXPECT_THAT(ListCollections(folder_.path()).value(), ElementsAre("flags"));
  std::filesystem::create_directories(folder_ / ".removed-killed/half");
  ASSERT_TRUE(RemoveCollection(folder_.path(), "flags"));
  EXPECT_THAT(ListCollections(folder_.path()).value(), IsEmpty());
  EXPECT_EQ(RemoveCollection(folder_.path(), "flags").error().code,
            ErrorCode::kNotFound);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(CollectionTest, NamesAndDimensionsThatCannotBeAreRefused) {
  for (const std::string name :
       {"", ".", "..", "a/b", "-f", ".hidden", "a b", "\xff", "nul\n"}) {
    CollectionSpec spec = Spec(2);
    spec.name = name;
    EXPECT_EQ(Collection::Create(folder_.path(), spec).error().code,
              ErrorCode::kInvalidArgument)
        << name;
    EXPECT_EQ(Collection::Open(folder_.path(), name).error().code,
              ErrorCode::kInvalidArgument);
    EXPECT_EQ(RemoveCollection(folder_.path(), name).error().code,
              ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE(CheckCollectionName(std::string(65, 'a')));
  EXPECT_TRUE(CheckCollectionName("Flags_2024-v1.0"));
  for (const int dimension : {-1, 0, 65537}) {
    EXPECT_EQ(Collection::Create(folder_.path(), Spec(dimension)).error().code,
              ErrorCode::kInvalidArgument);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(CollectionTest, ReportsEuclideanDistances) {
  const auto made = MustCreate(2, Metric::kL2);
  ASSERT_TRUE(made->Put({{{{"near", {}, "", {}}, {4, 5}},
                          {{"zero", {}, "", {}}, {0, 0}},
                          {{"here", {}, "", {}}, {3, 4}},
                          {{"far", {}, "", {}}, {1000, 1000}}}}));
  const auto hits = made->Search(std::vector<float>{3, 4}, {.k = 3}).value();
  EXPECT_THAT(Ids(hits), ElementsAre("here", "near", "zero"));
  EXPECT_EQ(hits[0].similarity, 1);
  EXPECT_FLOAT_EQ(hits[1].similarity, 1 / (1 + std::sqrt(2.0f)));
  EXPECT_FLOAT_EQ(hits[2].similarity, 1.0f / 6);
  EXPECT_EQ(made->Put({{{{"huge", {}, "", {}}, {1e16f, 0}}}}).error().message,
            "\"huge\": a vector longer than 1e15");
}

TEST_F(CollectionTest, AnOlderCopyPutBackIsNotTakenForTheNewer) {
  const std::vector<float> query = {1, 0};
  const auto put = [](Collection& into, const std::string& id, float y) {
    ASSERT_TRUE(into.Put({{{{id, {}, "", {}}, {1, y}}}}));
  };
  auto old = MustCreate();
  put(*old, "a", 0);
  old.reset();
  const auto file = folder_ / "flags/collection.sqlite";
  const std::string kept = ReadTestFile(file);
  old = MustOpen({.save_from_bytes = 1});
  put(*old, "lost", 0);
  ASSERT_TRUE(old->Search(query));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "flags/vectors.index"));
  old.reset();
  WriteTestFile(file, kept);
  old = MustOpen({.save_from_bytes = 1});
  put(*old, "other", 1);
  EXPECT_THAT(Ids(old->Search(query).value()), ElementsAre("a", "other"));
}

TEST_F(CollectionTest, ADamagedDatabaseIsNamedAndLeftAlone) {
  MustCreate();
  const auto file = folder_ / "flags/collection.sqlite";
  const std::string damaged(40000, 'x');
  WriteTestFile(file, damaged);
  const auto opened = Collection::Open(folder_.path(), "flags");
  EXPECT_EQ(opened.error().code, ErrorCode::kDataLoss);
  EXPECT_THAT(opened.error().message,
              HasSubstr("collection.sqlite is damaged"));
  EXPECT_EQ(ReadTestFile(file), damaged);
}

TEST_F(CollectionTest, OneThatIsRemovedMeanwhileDoesNotComeBack) {
  const auto made = MustCreate();
  // This connection still sees it; the second one of ForEach() does not.
  ASSERT_TRUE(made->Put({{{{"a", {}, "", {}}, {1, 0}}}}));
  ASSERT_TRUE(RemoveCollection(folder_.path(), "flags"));
  auto visited =
      made->ForEach([&](const Item&, std::span<const float>) -> Result<> {
        auto found = made->Find("a");
        return found ? Result<>() : found.Failure();
      });
  EXPECT_EQ(visited.error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

}  // namespace
}  // namespace ocelli
