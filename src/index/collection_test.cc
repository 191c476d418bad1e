#include "index/collection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

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

TEST_F(CollectionTest, KeepsItsSpecAndItems) {
  const Entry entry{
      {"td", Sha256("td"), "flags/td.png", {{"region", "Africa"}, {"n", ""}}},
      {3, 4}};
  {
    const auto made = MustCreate();
    EXPECT_EQ(made->Put({{entry}})->added, 1u);
  }
  const auto opened = MustOpen();
  EXPECT_EQ(opened->spec().name, "flags");
  EXPECT_EQ(opened->spec().embedder, "lite0");
  EXPECT_EQ(opened->spec().fingerprint, Sha256("card"));
  EXPECT_EQ(opened->spec().dimension, 2);
  EXPECT_EQ(opened->Find("td").value(), entry.item);
  EXPECT_EQ(opened->Find("au").value(), std::nullopt);
  EXPECT_THAT(opened->VectorOf("td").value(), ElementsAre(0.6f, 0.8f));
  EXPECT_EQ(opened->VectorOf("au").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(opened->Digests()->at("td"), Sha256("td"));
}

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

TEST_F(CollectionTest, SaysWhatToDoAboutAnotherModel) {
  const auto made = MustCreate();
  EXPECT_TRUE(made->CheckEmbedder("lite0", Sha256("card")));
  const Error version = made->CheckEmbedder("lite0", Sha256("new")).error();
  EXPECT_EQ(version.code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(version.message, HasSubstr("another version of lite0"));
  EXPECT_THAT(made->CheckEmbedder("resnet50", Sha256("card")).error().message,
              HasSubstr("made by lite0, not by resnet50"));
}

TEST_F(CollectionTest, PutCountsWhatChanged) {
  const auto made = MustCreate();
  const auto entry = [](const std::string& id, std::vector<float> vector) {
    return Entry{{id, Sha256(id), "", {}}, std::move(vector)};
  };
  ASSERT_TRUE(made->Put(
      {{entry("a", {1, 0}), entry("b", {0, 1}), entry("c", {1, 1})}}));
  Entry named = entry("c", {});
  named.item.metadata["k"] = "v";
  auto summary = made->Put(
      {{entry("a", {2, 0}), entry("b", {1, 2}), named, entry("d", {1, 3})}});
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->unchanged, 1u);
  EXPECT_EQ(summary->updated, 2u);
  EXPECT_EQ(summary->added, 1u);
  EXPECT_EQ(made->Find("c").value()->metadata.at("k"), "v");
  EXPECT_EQ(made->Stats()->items, 4u);
  std::vector<std::string> ids;
  ASSERT_TRUE(made->ForEach([&](const Item& item, std::span<const float>) {
    ids.push_back(item.id);
    return Result<>();
  }));
  EXPECT_THAT(ids, ElementsAre("a", "c", "b", "d"));
  // What comes out can go in again unchanged.
  EXPECT_EQ(made->Put({{entry("b", made->VectorOf("b").value())}})->unchanged,
            1u);
}

TEST_F(CollectionTest, ABadEntryIsNamedAndNothingIsAdded) {
  const auto made = MustCreate();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinite = std::numeric_limits<float>::infinity();
  const std::tuple<std::string, std::vector<float>, const char*> kCases[] = {
      {"bad",
       {1, 2, 3},
       "\"bad\": a vector of dimension 3 for a collection of "
       "dimension 2"},
      {"bad", {1}, "dimension 1"},
      {"bad", {0, 0}, "\"bad\": a zero vector"},
      {"bad", {1, nan}, "\"bad\": a vector with a value that is not finite"},
      {"bad", {infinite, 1}, "not finite"},
      {"bad", {}, "\"bad\" is new and comes without a vector"},
      {"good", {1, 1}, "\"good\" comes twice"},
      {"", {1, 1}, "an id of 0 bytes"},
      {"a\nb", {1, 1}, "control character"},
      {std::string(1025, 'x'), {1, 1}, "an id of 1025 bytes"}};
  for (const auto& [id, vector, message] : kCases) {
    auto put = made->Put(
        {{{{"good", {}, "", {}}, {1, 0}}, {{id, {}, "", {}}, vector}}});
    ASSERT_FALSE(put) << message;
    EXPECT_EQ(put.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(put.error().message, HasSubstr(message));
  }
  EXPECT_EQ(made->Stats()->items, 0u);
}

TEST_F(CollectionTest, ReportsTrueCosines) {
  const auto made = MustCreate();
  ASSERT_TRUE(made->Put({{{{"same", {}, "", {}}, {1e-20f, 0}},
                          {{"half", {}, "", {}}, {1e30f, 1e30f}},
                          {{"other", {}, "", {}}, {-5, 0}}}}));
  const auto hits = made->Search(std::vector<float>{7, 0}).value();
  EXPECT_THAT(Ids(hits), ElementsAre("same", "half", "other"));
  EXPECT_EQ(hits[0].similarity, 1);
  EXPECT_FLOAT_EQ(hits[1].similarity, std::sqrt(0.5f));
  EXPECT_EQ(hits[2].similarity, -1);
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

TEST_F(CollectionTest, TiesGoById) {
  const auto made = MustCreate(32);
  std::mt19937 random(1);
  const auto shared = RandomVectors(1, 32, random);
  std::vector<Entry> entries;
  for (const char* id : {"d", "b", "e", "a", "c"}) {
    entries.push_back({{id, {}, "", {}}, shared});
  }
  ASSERT_TRUE(made->Put(entries));
  for (int k = 1; k <= 6; ++k) {
    const auto ids = Ids(made->Search(shared, {.k = k}).value());
    const std::vector<std::string> all = {"a", "b", "c", "d", "e"};
    EXPECT_EQ(ids, std::vector(all.begin(), all.begin() + std::min(k, 5)));
  }
}

TEST_F(CollectionTest, LeavesOutTheQueryAndMarksWhatIsIdentical) {
  const auto made = MustCreate();
  ASSERT_TRUE(made->Put({{{{"no", Sha256("x"), "", {}}, {1, 0}},
                          {{"bv", Sha256("x"), "", {}}, {1, 0}},
                          {{"fr", Sha256("y"), "", {}}, {1, 0.1f}}}}));
  const auto hits =
      made->Search(std::vector<float>{1, 0},
                   {.k = 2, .query_digest = Sha256("x"), .exclude_id = "no"})
          .value();
  EXPECT_THAT(Ids(hits), ElementsAre("bv", "fr"));
  EXPECT_TRUE(hits[0].identical);
  EXPECT_FALSE(hits[1].identical);
}

TEST_F(CollectionTest, BadQueriesAreRefused) {
  const auto made = MustCreate();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::vector<float>& query :
       {std::vector<float>{}, {1}, {1, 2, 3, 4}, {0, 0}, {nan, 1}}) {
    EXPECT_EQ(made->Search(query).error().code, ErrorCode::kInvalidArgument);
  }
  const std::vector<float> query = {1, 0};
  EXPECT_EQ(made->Search(query, {.k = 0}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(made->SearchMany(std::vector<float>{1, 0, 1}).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(made->SearchMany(query, {}, {{"a", "b"}}).error().code,
            ErrorCode::kInvalidArgument);
}

TEST_F(CollectionTest, AnEmptyCollectionHasNoHits) {
  const auto made = MustCreate();
  EXPECT_THAT(made->Search(std::vector<float>{1, 0}).value(), IsEmpty());
  EXPECT_THAT(made->SearchMany({}).value(), IsEmpty());
  EXPECT_TRUE(made->Compact());
  EXPECT_EQ(made->Stats()->items, 0u);
}

TEST_F(CollectionTest, ChangesShowAtOnceHereAndElsewhere) {
  const auto writer = MustCreate(), reader = MustOpen();
  const std::vector<float> query = {1, 0};
  const auto entry = [](const std::string& id, float x, float y) {
    return Entry{{id, {}, "", {}}, {x, y}};
  };
  const auto expect = [&](const std::vector<std::string>& ids) {
    EXPECT_EQ(Ids(writer->Search(query).value()), ids);
    EXPECT_EQ(Ids(reader->Search(query).value()), ids);
  };
  ASSERT_TRUE(writer->Put({{entry("a", 1, 0), entry("b", 1, 1)}}));
  expect({"a", "b"});
  ASSERT_TRUE(reader->Put({{entry("a", -1, 0), entry("c", 2, 1)}}));
  expect({"c", "b", "a"});
  EXPECT_EQ(writer->Remove({{"b", "nobody", "b"}}), 1u);
  expect({"c", "a"});
  ASSERT_TRUE(reader->Compact());
  expect({"c", "a"});
  ASSERT_TRUE(writer->Put({{entry("b", 1, 0)}}));
  expect({"b", "c", "a"});
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

TEST_F(CollectionTest, ManyQueriesHaveTheAnswersOfEach) {
  const auto made = MustCreate(8);
  std::mt19937 random(6);
  ASSERT_TRUE(made->Put(RandomEntries(100, 8, random)));
  const auto queries = RandomVectors(600, 8, random);
  std::vector<std::string> excluded(600);
  for (std::size_t i = 0; i < 600; ++i) excluded[i] = std::to_string(i % 100);
  const auto answers = made->SearchMany(queries, {.k = 5}, excluded).value();
  ASSERT_EQ(answers.size(), 600u);
  for (std::size_t i = 0; i < 600; i += 13) {
    const auto hits = made->Search(std::span(queries).subspan(8 * i, 8),
                                   {.k = 5, .exclude_id = excluded[i]})
                          .value();
    EXPECT_EQ(Ids(answers[i]), Ids(hits));
    EXPECT_EQ(answers[i][0].similarity, hits[0].similarity);
  }
}

TEST_F(CollectionTest, SearchesWhileItemsComeAndGo) {
  const auto made = MustCreate(8);
  std::mt19937 random(2);
  ASSERT_TRUE(made->Put(RandomEntries(300, 8, random)));
  const auto query = RandomVectors(1, 8, random);
  std::jthread writer([&] {
    std::mt19937 own(3);
    for (int i = 0; i < 30; ++i) {
      ASSERT_TRUE(made->Put(RandomEntries(20, 8, own)));
      ASSERT_TRUE(made->Remove({{"3", "5"}}));
    }
  });
  std::vector<std::jthread> readers;
  for (int n = 0; n < 2; ++n) {
    readers.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        auto hits = made->Search(query, {.k = 20});
        ASSERT_TRUE(hits) << hits.error().message;
        EXPECT_EQ(hits->size(), 20u);
        for (const Hit& hit : *hits) EXPECT_NE(hit.item.id, "");
      }
    });
  }
}

}  // namespace
}  // namespace ocelli
