#include "index/index_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "index/collection.h"
#include "index/index_builder.h"
#include "index/test_vectors.h"
#include "sqlite/test_folder.h"

namespace ocelli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr Moment kMoment = {3, -7, 9, 2};

class IndexFileTest : public testing::Test {
 protected:
  // Three vectors of dimension 2 in the slots 9, 4 and 5, in two lists.
  Result<> Write() {
    auto writer = IndexFileWriter::Create(file_, Metric::kL2, 2);
    if (!writer) return writer.Failure();
    for (const std::int64_t slot : {9, 4, 5}) {
      const auto value = static_cast<float>(slot);
      auto done = writer->Append(slot, std::vector<float>{value, 1});
      if (!done) return done;
    }
    auto done = writer->Finish(kMoment, std::vector<std::uint64_t>{1, 3},
                               std::vector<float>{9, 1, 4, 1});
    if (!done) return done;
    return writer->Publish({2, 20, 0.5f});
  }
  Result<std::shared_ptr<const IndexFile>> Read() {
    return IndexFile::Open(file_, Metric::kL2, 2);
  }

  TestFolder folder_;
  const std::filesystem::path file_ = folder_ / "vectors.index";
};

TEST_F(IndexFileTest, KeepsEverything) {
  ASSERT_TRUE(Write());
  const auto index = Read().value();
  EXPECT_EQ(index->moment(), kMoment);
  EXPECT_EQ(index->probing().probes, 2u);
  EXPECT_EQ(index->probing().queries, 20u);
  EXPECT_EQ(index->probing().recall, 0.5f);
  EXPECT_EQ(index->rows(), 3u);
  EXPECT_THAT(index->vectors(), ElementsAre(9, 1, 4, 1, 5, 1));
  EXPECT_THAT(index->half_squared_lengths(), ElementsAre(41, 8.5f, 13));
  EXPECT_EQ(index->longest_half_square(), 41);
  EXPECT_THAT(index->list_ends(), ElementsAre(1, 3));
  EXPECT_THAT(index->centroids(), ElementsAre(9, 1, 4, 1));
  EXPECT_EQ(index->SlotAt(1), 4);
  EXPECT_EQ(index->RowOf(9), 0u);
  EXPECT_EQ(index->RowOf(4), 1u);
  EXPECT_EQ(index->RowOf(5), 2u);
  EXPECT_EQ(index->RowOf(6), std::nullopt);
  EXPECT_EQ(
      std::distance(std::filesystem::directory_iterator(folder_.path()), {}),
      1);
}

TEST_F(IndexFileTest, AnyLostByteShows) {
  ASSERT_TRUE(Write());
  const std::string whole = ReadTestFile(file_);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    WriteTestFile(file_, whole.substr(0, size));
    EXPECT_EQ(Read().error().code, ErrorCode::kDataLoss) << size;
  }
  WriteTestFile(file_, whole + '\0');
  EXPECT_EQ(Read().error().code, ErrorCode::kDataLoss);
}

TEST_F(IndexFileTest, AnyFlippedBitShows) {
  ASSERT_TRUE(Write());
  const std::string whole = ReadTestFile(file_);
  // The gap between header and vectors is the one thing not looked at.
  const auto is_gap = [](std::size_t at) { return at >= 104 && at < 128; };
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 1 << at % 8);
    WriteTestFile(file_, bytes);
    EXPECT_EQ(Read().has_value(), is_gap(at)) << at;
  }
}

TEST_F(IndexFileTest, AnotherKindIsNotTaken) {
  EXPECT_EQ(Read().error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(Write());
  EXPECT_EQ(IndexFile::Open(file_, Metric::kCosine, 2).error().code,
            ErrorCode::kDataLoss);
  EXPECT_EQ(IndexFile::Open(file_, Metric::kL2, 3).error().code,
            ErrorCode::kDataLoss);
}

TEST_F(IndexFileTest, WhatIsNotPublishedLeavesNothing) {
  ASSERT_TRUE(Write());
  const std::string before = ReadTestFile(file_);
  {
    auto writer = IndexFileWriter::Create(file_, Metric::kL2, 2);
    ASSERT_TRUE(writer->Append(1, std::vector<float>{1, 2}));
    ASSERT_TRUE(writer->Finish(kMoment));
    EXPECT_EQ(
        IndexFile::Open(writer->unpublished(), Metric::kL2, 2).value()->rows(),
        1u);
  }
  EXPECT_EQ(ReadTestFile(file_), before);
  EXPECT_EQ(
      std::distance(std::filesystem::directory_iterator(folder_.path()), {}),
      1);
  EXPECT_EQ(IndexFileWriter::Create(folder_ / "no/folder", Metric::kL2, 2)
                .error()
                .code,
            ErrorCode::kNotFound);
}

TEST_F(IndexFileTest, WhatAKilledProcessLeftIsRemoved) {
  const auto abandoned = folder_ / "vectors.index.new-1-0";
  WriteTestFile(abandoned, "half of it");
  WriteTestFile(folder_ / "vectors.indexed", "somebody else's");
  auto writing = IndexFileWriter::Create(file_, Metric::kL2, 2);
  EXPECT_FALSE(std::filesystem::exists(abandoned));
  ASSERT_TRUE(Write());
  EXPECT_TRUE(std::filesystem::exists(writing->unpublished()));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "vectors.indexed"));
}

// Collections that save and divide from the first vectors on.
class SavedIndexTest : public testing::Test {
 protected:
  static constexpr CollectionOptions kSmall = {.save_from_bytes = 1,
                                               .approximate_from_bytes = 1};
  static constexpr CollectionOptions kExact = {.save_from_bytes = 1};
  static constexpr CollectionOptions kUnsaved = {};

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

TEST_F(SavedIndexTest, CompactLeavesNothingOfWhatWasRemoved) {
  const auto made = Make(1000, Metric::kCosine);
  const auto other = Open(kSmall);
  ASSERT_TRUE(other->UpdateIndex());
  const auto before = other->Stats()->file_bytes;
  std::vector<std::string> ids;
  for (int i = 0; i < 900; ++i) ids.push_back(std::to_string(i));
  ASSERT_EQ(made->Remove(ids), 900u);
  ASSERT_TRUE(other->Compact());
  const CollectionStats stats = other->Stats().value();
  EXPECT_EQ(stats.items, 100u);
  EXPECT_EQ(stats.unindexed, 0u);
  EXPECT_LT(stats.file_bytes, before / 2);
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
