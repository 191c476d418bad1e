// What every collection promises, wherever it is kept.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

#include "core/test_folder.h"
#include "index/collection.h"
#include "index/similarity.h"
#include "index/test_shared_index.h"
#include "index/test_vectors.h"

namespace ocelli {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pointwise;

enum class Where { kHere, kServer, kCluster };

struct Kind {
  const char* name;
  Where where = Where::kHere;
  SharedPlace place = {};
  float rounding = 0;  // Of each number of a vector.
};

class CollectionContract : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam().where == Where::kHere) return;
    if (!HasRedis8()) GTEST_SKIP() << kNoRedis8;
    address_ = GetParam().where == Where::kServer ? Redis8().url()
                                                  : Redis8Cluster().url();
    FlushTestRedis(*OpenTestRedis(address_));
  }

  std::unique_ptr<Collection> MustCreate(int dimension = 2) {
    SharedPlace place = GetParam().place;
    place.address = address_;
    auto made =
        address_.empty()
            ? Collection::Create(folder_.path(), Spec(dimension))
            : Collection::CreateShared(folder_.path(), Spec(dimension), place);
    EXPECT_TRUE(made) << made.error().message;
    return made ? std::move(*made) : nullptr;
  }
  std::unique_ptr<Collection> MustOpen() {
    auto opened = Collection::Open(folder_.path(), "flags");
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }

  TestFolder folder_;
  std::string address_;  // Of Redis; empty: embedded.
};

INSTANTIATE_TEST_SUITE_P(Embedded, CollectionContract,
                         testing::Values(Kind{"folder"}),
                         [](const auto& one) { return one.param.name; });
INSTANTIATE_TEST_SUITE_P(
    Redis, CollectionContract,
    testing::Values(
        Kind{"whole", Where::kServer},
        Kind{"parts", Where::kServer, {.address = {}, .partitions = 5}},
        Kind{"int8",
             Where::kServer,
             {.address = {}, .quantization = Quantization::kInt8},
             0.01f},
        Kind{"cluster", Where::kCluster}),
    [](const auto& one) { return one.param.name; });

TEST_P(CollectionContract, KeepsItsSpecAndItems) {
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
  EXPECT_THAT(opened->VectorOf("td").value(),
              Pointwise(FloatNear(GetParam().rounding), {0.6f, 0.8f}));
  EXPECT_EQ(opened->VectorOf("au").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(opened->Digests()->at("td"), Sha256("td"));
}

TEST_P(CollectionContract, SaysWhatToDoAboutAnotherModel) {
  const auto made = MustCreate();
  EXPECT_TRUE(made->CheckEmbedder("lite0", Sha256("card")));
  const Error version = made->CheckEmbedder("lite0", Sha256("new")).error();
  EXPECT_EQ(version.code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(version.message, HasSubstr("another version of lite0"));
  EXPECT_THAT(made->CheckEmbedder("resnet50", Sha256("card")).error().message,
              HasSubstr("made by lite0, not by resnet50"));
}

TEST_P(CollectionContract, PutCountsWhatChanged) {
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

TEST_P(CollectionContract, ABadEntryIsNamedAndNothingIsAdded) {
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

TEST_P(CollectionContract, ReportsTrueCosines) {
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

TEST_P(CollectionContract, TiesGoById) {
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

TEST_P(CollectionContract, LeavesOutTheQueryAndMarksWhatIsIdentical) {
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

TEST_P(CollectionContract, BadQueriesAreRefused) {
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

TEST_P(CollectionContract, AnEmptyCollectionHasNoHits) {
  const auto made = MustCreate();
  EXPECT_THAT(made->Search(std::vector<float>{1, 0}).value(), IsEmpty());
  EXPECT_THAT(made->SearchMany({}).value(), IsEmpty());
  EXPECT_TRUE(made->Compact());
  EXPECT_EQ(made->Stats()->items, 0u);
}

TEST_P(CollectionContract, ChangesShowAtOnceHereAndElsewhere) {
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

TEST_P(CollectionContract, ManyQueriesHaveTheAnswersOfEach) {
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

TEST_P(CollectionContract, SearchesWhileItemsComeAndGo) {
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

TEST_P(CollectionContract, ConditionsAreAnsweredExactly) {
  const auto made = MustCreate(8);
  std::mt19937 random(9);
  auto entries = RandomEntries(300, 8, random);
  const char* const kWords[] = {"Asia",     "a b",  "it's", "\"q\"", "\\",
                                "\xc3\xa9", "\xff", "",     "50x"};
  for (std::size_t i = 0; i < entries.size(); ++i) {
    auto& metadata = entries[i].item.metadata;
    metadata["n"] = std::to_string(i % 100);
    if (i % 3 != 0) metadata["word"] = kWords[i % std::size(kWords)];
    if (i % 7 == 0) metadata["n"] = "none";
    metadata["big number (m\xc2\xb2)"] = std::to_string(i) + "e-3";
  }
  ASSERT_TRUE(made->Put(entries));
  const auto query = RandomVectors(1, 8, random);
  const auto all = made->Search(query, {.k = 300, .exact = true}).value();
  ASSERT_EQ(all.size(), 300u);
  for (const std::string text : {"n<50",
                                 "n>=50",
                                 "n=7",
                                 "n==7.0",
                                 "n!=7",
                                 "n>mm",
                                 "n=none",
                                 "n~9",
                                 "word=Asia",
                                 "word=a b",
                                 "word=it's",
                                 "word=\"\"q\"\"",
                                 "word=\\",
                                 "word=\xc3\xa9",
                                 "word=\xff",
                                 "word=\"\"",
                                 "word!=Asia",
                                 "word>a",
                                 "word=50x",
                                 "word<51",
                                 "nobody=1",
                                 "nobody!=1",
                                 "big number (m\xc2\xb2)<=0.05",
                                 "big number (m\xc2\xb2)=1e-3"}) {
    const auto condition = Condition::Parse(text).value();
    for (const int k : {3, 400}) {
      std::vector<std::string> expected;
      for (const Hit& hit : all) {
        const auto found = hit.item.metadata.find(condition.key);
        const bool holds = found == hit.item.metadata.end()
                               ? condition.HoldsWithoutKey()
                               : condition.Holds(found->second);
        if (holds) expected.push_back(hit.item.id);
      }
      expected.resize(std::min(expected.size(), static_cast<std::size_t>(k)));
      EXPECT_EQ(
          Ids(made->Search(query, {.k = k, .where = {condition}}).value()),
          expected)
          << text;
    }
  }
}

TEST_P(CollectionContract, AnExactSearchFindsTheNearest) {
  const auto made = MustCreate(24);
  std::mt19937 random(10);
  ASSERT_TRUE(made->Put(RandomEntries(400, 24, random)));
  std::vector<Entry> kept;
  ASSERT_TRUE(made->ForEach([&](const Item& item, std::span<const float> v) {
    kept.push_back({item, {v.begin(), v.end()}});
    return Result<>();
  }));
  ASSERT_EQ(kept.size(), 400u);
  for (int n = 0; n < 10; ++n) {
    auto query = RandomVectors(1, 24, random);
    const auto hits = made->Search(query, {.k = 10, .exact = true}).value();
    ASSERT_TRUE(PrepareVector(Metric::kCosine, 24, query));
    std::vector<float> similarities;
    for (const Entry& entry : kept) {
      similarities.push_back(Similarity(Metric::kCosine, query, entry.vector));
    }
    std::sort(similarities.rbegin(), similarities.rend());
    ASSERT_EQ(hits.size(), 10u);
    for (std::size_t i = 0; i < 10; ++i) {
      EXPECT_FLOAT_EQ(hits[i].similarity, similarities[i]);
    }
  }
}

}  // namespace
}  // namespace ocelli
