// What becomes of the index file, seen through Collection.
#include "index/live_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "core/test_folder.h"
#include "index/collection.h"
#include "index/test_vectors.h"

namespace ocelli {
namespace {

using testing::HasSubstr;

// Collections that save and divide from the first vectors on.
class SavedIndexTest : public testing::Test {
 protected:
  static inline const CollectionOptions kSmall = {.save_from_bytes = 1,
                                                  .approximate_from_bytes = 1};
  static inline const CollectionOptions kExact = {.save_from_bytes = 1};
  static inline const CollectionOptions kUnsaved = {};

  std::unique_ptr<Collection> Make(std::size_t count, Metric metric) {
    auto made =
        Collection::Create(folder_.path(), Spec(kDimension, metric), kUnsaved)
            .value();
    EXPECT_TRUE(made->Put(ClusteredEntries(count)));
    return made;
  }
  std::unique_ptr<Collection> Open(const CollectionOptions& options) {
    return Collection::Open(folder_.path(), "flags", options).value();
  }
  // In as many clusters as there are tens.
  std::vector<Entry> ClusteredEntries(std::size_t count) {
    std::vector<float> centre;
    auto entries = RandomEntries(count, kDimension, random_);
    for (std::size_t i = 0; i < count; ++i) {
      if (i % 10 == 0) centre = entries[i].vector;
      for (std::size_t d = 0; d < centre.size(); ++d) {
        entries[i].vector[d] = 8 * centre[d] + entries[i].vector[d];
      }
    }
    return entries;
  }
  void ExpectSameAnswers(Collection& one, Collection& other,
                         const SearchOptions& options = {}) {
    for (int i = 0; i < 20; ++i) {
      const auto query = RandomVectors(1, kDimension, random_);
      const auto hits = one.Search(query, options).value();
      const auto others = other.Search(query, options).value();
      EXPECT_EQ(Ids(hits), Ids(others));
      for (std::size_t h = 0; h < hits.size(); ++h) {
        EXPECT_EQ(hits[h].similarity, others[h].similarity);
      }
    }
  }

  static constexpr int kDimension = 24;
  TestFolder folder_;
  const std::filesystem::path file_ = folder_ / "flags/vectors.index";
  std::mt19937 random_{5};
};

TEST_F(SavedIndexTest, AnswersAreTheSameFromFileAndMemory) {
  for (const Metric metric : {Metric::kCosine, Metric::kL2}) {
    const auto unsaved = Make(500, metric);
    const auto saved = Open(kExact);
    ExpectSameAnswers(*unsaved, *saved);
    EXPECT_TRUE(std::filesystem::exists(file_));
    EXPECT_EQ(saved->Stats()->unindexed, 0u);
    // A few come and go without a new file.
    ASSERT_TRUE(saved->Put(RandomEntries(30, kDimension, random_)));
    ASSERT_TRUE(unsaved->Remove({{"100", "101", "7"}}));
    ExpectSameAnswers(*unsaved, *saved);
    EXPECT_EQ(saved->Stats()->unindexed, 29u);
    EXPECT_EQ(saved->Stats()->items, 497u);
    ExpectSameAnswers(*unsaved, *Open(kExact));
    ASSERT_TRUE(RemoveCollection(folder_.path(), "flags"));
  }
}

TEST_F(SavedIndexTest, ADamagedFileIsRebuiltAndNeverServed) {
  const auto unsaved = Make(100, Metric::kCosine);
  Open(kExact)->Stats().value();
  const std::string whole = ReadTestFile(file_);
  testing::internal::CaptureStderr();
  for (const std::size_t at :
       {std::size_t{0}, std::size_t{50}, whole.size() / 2, whole.size() - 1}) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    for (const std::string& damaged : {bytes, whole.substr(0, at)}) {
      WriteTestFile(file_, damaged);
      ExpectSameAnswers(*unsaved, *Open(kExact));
      EXPECT_EQ(ReadTestFile(file_), whole);
    }
  }
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("the index of a collection is built anew"));
}

TEST_F(SavedIndexTest, WhatCannotBeSavedIsKeptInMemory) {
  const auto unsaved = Make(100, Metric::kCosine);
  // A folder takes its place.
  std::filesystem::create_directories(file_ / "in the way");
  testing::internal::CaptureStderr();
  ExpectSameAnswers(*unsaved, *Open(kExact));
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("cannot be saved"));
}

TEST_F(SavedIndexTest, ListsAreChosenByMeasuredRecall) {
  for (const Metric metric : {Metric::kCosine, Metric::kL2}) {
    const auto unsaved = Make(3000, metric);
    EXPECT_FALSE(unsaved->Stats()->approximate);
    const auto divided = Open(kSmall);
    EXPECT_TRUE(divided->Stats()->index_outdated);
    ASSERT_TRUE(divided->UpdateIndex());
    const CollectionStats stats = divided->Stats().value();
    EXPECT_TRUE(stats.approximate);
    EXPECT_FALSE(stats.index_outdated);
    EXPECT_EQ(stats.lists, 109);  // 2 * sqrt(3000)
    EXPECT_GE(stats.probes, 1);
    EXPECT_GE(stats.recall_at_10, 0.98);
    EXPECT_EQ(stats.recall_queries, 200);
    ExpectSameAnswers(*unsaved, *divided, {.exact = true});
    ExpectSameAnswers(*unsaved, *divided, {.k = 200});
    // Stored vectors find themselves, also those that came later.
    ASSERT_TRUE(divided->Put(RandomEntries(40, kDimension, random_)));
    ASSERT_TRUE(divided->Remove({{"50", "2000"}}));
    for (const std::string id : {"3", "39", "40", "1500", "2999"}) {
      const auto query = divided->VectorOf(id).value();
      EXPECT_EQ(divided->Search(query)->front().item.id, id);
    }
    for (int i = 1; i < 3000; i += 50) {
      const auto query = unsaved->VectorOf(std::to_string(i)).value();
      const auto hits = divided->Search(query).value();
      for (const Hit& hit : hits) {
        EXPECT_NE(hit.item.id, "50");
        EXPECT_NE(hit.item.id, "2000");
      }
    }
    ASSERT_TRUE(RemoveCollection(folder_.path(), "flags"));
  }
}

TEST_F(SavedIndexTest, ListsThatAreSmallNeverLeaveTooFew) {
  const auto unsaved = Make(3000, Metric::kCosine);
  const auto divided = Open(kSmall);
  ASSERT_TRUE(divided->UpdateIndex());
  ASSERT_TRUE(divided->Stats()->approximate);
  std::vector<std::string> ids;
  for (int i = 0; i < 3000; ++i) {
    if (i % 30 != 0) ids.push_back(std::to_string(i));
  }
  ASSERT_TRUE(divided->Remove(ids));
  for (int i = 0; i < 3000; i += 300) {
    const auto query = divided->VectorOf(std::to_string(i)).value();
    EXPECT_EQ(divided->Search(query, {.k = 90})->size(), 90u);
  }
}

TEST_F(SavedIndexTest, WhereListsDoNotHelpSearchStaysExact) {
  const auto unsaved =
      Collection::Create(folder_.path(), Spec(kDimension), kUnsaved).value();
  // White noise has no neighbourhoods.
  ASSERT_TRUE(unsaved->Put(RandomEntries(400, kDimension, random_)));
  const auto divided = Open(kSmall);
  ASSERT_TRUE(divided->UpdateIndex());
  const CollectionStats stats = divided->Stats().value();
  EXPECT_FALSE(stats.approximate);
  EXPECT_EQ(stats.probes, 0);
  EXPECT_LT(stats.recall_at_10, 0.98);
  EXPECT_FALSE(stats.index_outdated);
  ExpectSameAnswers(*unsaved, *divided);
}

TEST_F(SavedIndexTest, AFewVectorsCanBeUpdatedToo) {
  const auto made = Make(0, Metric::kCosine);
  const auto small = Open(kSmall);
  for (int count = 0; count < 5; ++count) {
    ASSERT_TRUE(small->UpdateIndex()) << count;
    EXPECT_EQ(small->Search(std::vector<float>(kDimension, 1))->size(),
              static_cast<std::size_t>(count));
    Entry entry{{std::to_string(count), {}, "", {}},
                RandomVectors(1, kDimension, random_)};
    ASSERT_TRUE(made->Put({{entry}}));
  }
}

TEST_F(SavedIndexTest, CompactLeavesNothingOfWhatWasRemoved) {
  const auto made = Make(1000, Metric::kCosine);
  const auto other = Open(kSmall);
  ASSERT_TRUE(other->UpdateIndex());
  const auto before = other->Stats()->bytes;
  std::vector<std::string> ids;
  for (int i = 0; i < 900; ++i) ids.push_back(std::to_string(i));
  ASSERT_EQ(made->Remove(ids), 900u);
  ASSERT_TRUE(other->Compact());
  const CollectionStats stats = other->Stats().value();
  EXPECT_EQ(stats.items, 100u);
  EXPECT_EQ(stats.unindexed, 0u);
  EXPECT_LT(stats.bytes, before / 2);
  ExpectSameAnswers(*made, *other, {.exact = true});
}

TEST_F(SavedIndexTest, ConditionsAreExactAndNeverLeaveTooFew) {
  const auto unsaved = Make(3000, Metric::kCosine);
  std::vector<Entry> named(3000);
  for (std::size_t i = 0; i < named.size(); ++i) {
    named[i].item.id = std::to_string(i);
    named[i].item.metadata["n"] = std::to_string(i);
    if (i % 500 == 0) named[i].item.metadata["rare"] = "yes";
  }
  ASSERT_TRUE(unsaved->Put(named));
  const auto divided = Open(kSmall);
  ASSERT_TRUE(divided->UpdateIndex());
  ASSERT_TRUE(divided->Stats()->approximate);
  const std::pair<std::vector<const char*>, std::size_t> kCases[] = {
      {{"rare=yes"}, 6}, {{"rare!=yes"}, 20},
      {{"n<5"}, 5},      {{"n>=1000", "n<1012"}, 12},
      {{"n>=1000"}, 20}, {{"rare=yes", "n>0", "n!=500"}, 4},
      {{"nothing=x"}, 0}};
  for (const auto& [texts, count] : kCases) {
    SearchOptions options{.k = 20};
    for (const char* text : texts) {
      options.where.push_back(Condition::Parse(text).value());
    }
    const auto query = RandomVectors(1, kDimension, random_);
    // Everything in order, and then what satisfies the conditions.
    std::vector<std::string> expected;
    const auto all = unsaved->Search(query, {.k = 3000}).value();
    for (const Hit& hit : all) {
      const auto holds = [&](const Condition& condition) {
        const auto found = hit.item.metadata.find(condition.key);
        return found == hit.item.metadata.end()
                   ? condition.HoldsWithoutKey()
                   : condition.Holds(found->second);
      };
      if (expected.size() < 20 &&
          std::all_of(options.where.begin(), options.where.end(), holds)) {
        expected.push_back(hit.item.id);
      }
    }
    EXPECT_EQ(expected.size(), count) << texts.front();
    EXPECT_EQ(Ids(divided->Search(query, options).value()), expected);
  }
}

TEST_F(SavedIndexTest, UpdatingTheIndexDoesNotStopSearches) {
  const auto made = Make(2000, Metric::kCosine);
  const auto divided = Open(kSmall);
  std::atomic<bool> done = false;
  std::jthread updater([&] {
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(divided->Put(ClusteredEntries(600)));
      ASSERT_TRUE(divided->UpdateIndex());
    }
    done = true;
  });
  std::mt19937 own(9);
  do {
    const auto hits = divided->Search(RandomVectors(1, kDimension, own));
    ASSERT_TRUE(hits) << hits.error().message;
    EXPECT_EQ(hits->size(), 10u);
  } while (!done);
}

// A writer is killed in the middle of whatever it does, and tells through a
// pipe what was acknowledged before.
TEST_F(SavedIndexTest, NothingAcknowledgedIsLostWhenAWriterIsKilled) {
  Make(0, Metric::kCosine);
  int acknowledged = 0;
  for (int round = 0; round < 12; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      const auto writer = Open(kExact);
      std::mt19937 own(static_cast<unsigned>(round));
      for (int i = acknowledged;; ++i) {
        Entry entry{{"added " + std::to_string(i), {}, "", {}},
                    RandomVectors(1, kDimension, own)};
        if (!writer->Put({{entry}}) || !writer->Stats()) _exit(1);
        const char byte = 1;
        if (write(ends[1], &byte, 1) != 1) _exit(1);
      }
    }
    close(ends[1]);
    std::uniform_int_distribution<int> puts(0, 40);
    char byte = 0;
    for (int left = puts(random_); left > 0; --left) {
      ASSERT_EQ(read(ends[0], &byte, 1), 1);
      ++acknowledged;
    }
    ASSERT_EQ(kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    while (read(ends[0], &byte, 1) == 1) ++acknowledged;
    close(ends[0]);

    const auto reader = Open(kExact);
    const auto items = reader->Stats()->items;
    EXPECT_GE(items, static_cast<std::uint64_t>(acknowledged));
    // One may have been kept without a word about it.
    EXPECT_LE(items, static_cast<std::uint64_t>(acknowledged + 1));
    for (int i = 0; i < acknowledged; ++i) {
      const std::string id = "added " + std::to_string(i);
      const auto hits = reader->Search(reader->VectorOf(id).value(), {.k = 1});
      EXPECT_EQ(hits->front().item.id, id);
    }
    acknowledged = static_cast<int>(items);
  }
}

}  // namespace
}  // namespace ocelli
