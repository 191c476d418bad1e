// What is special about collections in Redis.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "core/test_folder.h"
#include "index/collection.h"
#include "index/shared_format.h"
#include "index/test_shared_index.h"
#include "index/test_vectors.h"

namespace ocelli {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Entry Vector(const std::string& id, float x, float y) {
  return {{id, Sha256(id), "", {}}, {x, y}};
}

class SharedCollectionRedis : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasRedis8()) GTEST_SKIP() << kNoRedis8;
    ASSERT_TRUE(Redis8().Run({"FLUSHALL"}));
  }

  std::unique_ptr<Collection> MustCreate(int dimension = 2,
                                         SharedPlace place = {}) {
    if (place.address.empty()) place.address = Redis8().url();
    auto made = Collection::CreateShared(here_.path(), Spec(dimension), place);
    EXPECT_TRUE(made) << made.error().message;
    return made ? std::move(*made) : nullptr;
  }
  std::unique_ptr<Collection> MustAttach(
      const CollectionOptions& options = {}) {
    auto made =
        Collection::Attach(there_.path(), "flags", Redis8().url(), options);
    EXPECT_TRUE(made) << made.error().message;
    return made ? std::move(*made) : nullptr;
  }
  Error OpenError() {
    auto opened = Collection::Open(here_.path(), "flags");
    EXPECT_FALSE(opened);
    return opened ? Error{} : opened.error();
  }

  // Two machines.
  TestFolder here_;
  TestFolder there_;
};

TEST_F(SharedCollectionRedis, IsTheSameOnEveryMachine) {
  const auto here = MustCreate();
  ASSERT_TRUE(here->Put({{Vector("a", 1, 0)}}));
  const auto there = MustAttach();
  EXPECT_EQ(there->spec().embedder, "lite0");
  EXPECT_EQ(there->spec().fingerprint, Sha256("card"));
  ASSERT_TRUE(there->Put({{Vector("b", 1, 1)}}));
  EXPECT_THAT(Ids(here->Search(std::vector<float>{1, 0}).value()),
              ElementsAre("a", "b"));
  EXPECT_THAT(ListCollections(there_.path()).value(), ElementsAre("flags"));
  EXPECT_EQ(SharedAddressOf(there_.path(), "flags"), Redis8().url());
  const auto stats = there->Stats().value();
  EXPECT_EQ(stats.items, 2u);
  EXPECT_EQ(stats.shared, Redis8().url());
  EXPECT_EQ(stats.partitions, 1);
  EXPECT_GT(stats.bytes, 100u);
}

TEST_F(SharedCollectionRedis, ExistsOnceByEachName) {
  EXPECT_THAT(Collection::Attach(there_.path(), "flags", Redis8().url())
                  .error()
                  .message,
              HasSubstr("no collection \"flags\" in redis://127.0.0.1"));
  EXPECT_TRUE(std::filesystem::is_empty(there_.path()));
  MustCreate();
  const SharedPlace place{.address = Redis8().url()};
  const auto twice = Collection::CreateShared(here_.path(), Spec(2), place);
  EXPECT_EQ(twice.error().code, ErrorCode::kAlreadyExists);
  const auto there = Collection::CreateShared(there_.path(), Spec(2), place);
  EXPECT_EQ(there.error().code, ErrorCode::kAlreadyExists);
  EXPECT_THAT(there.error().message,
              HasSubstr("already; to use it on this machine: ocelli collection "
                        "attach flags --index " +
                        Redis8().url()));
  EXPECT_THAT(ListCollections(there_.path()).value(), IsEmpty());
}

TEST_F(SharedCollectionRedis, RemovingHereLeavesItToOthers) {
  MustCreate();
  const auto there = MustAttach();
  ASSERT_TRUE(there->Put({{Vector("a", 1, 0)}}));
  ASSERT_TRUE(RemoveCollection(here_.path(), "flags"));
  EXPECT_THAT(ListCollections(here_.path()).value(), IsEmpty());
  EXPECT_EQ(there->Stats()->items, 1u);
}

TEST_F(SharedCollectionRedis, RemovingEverywhereIsNoticedEverywhere) {
  const auto here = MustCreate();
  ASSERT_TRUE(here->Put({{Vector("a", 1, 0)}}));
  MustAttach();
  ASSERT_TRUE(RemoveSharedCollection(there_.path(), "flags"));
  EXPECT_THAT(ListCollections(there_.path()).value(), IsEmpty());
  EXPECT_EQ(Redis8().Run({"DBSIZE"})->integer, 0);
  EXPECT_EQ(here->Search(std::vector<float>{1, 0}).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(here->Put({{Vector("b", 1, 0)}}).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(here->Find("a").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Redis8().Run({"DBSIZE"})->integer, 0);
  EXPECT_THAT(OpenError().message,
              HasSubstr("it was removed on another machine, or Redis lost it; "
                        "to forget it here: ocelli collection remove flags "
                        "--whole"));
  // Who comes second has only to forget it.
  EXPECT_TRUE(RemoveSharedCollection(here_.path(), "flags"));
  EXPECT_EQ(RemoveSharedCollection(here_.path(), "flags").error().code,
            ErrorCode::kNotFound);
  ASSERT_TRUE(Collection::Create(here_.path(), Spec(2)));
  EXPECT_EQ(RemoveSharedCollection(here_.path(), "flags").error().code,
            ErrorCode::kFailedPrecondition);
}

TEST_F(SharedCollectionRedis, ThePasswordStaysOutOfFilesAndMessages) {
  RedisServerOptions options = Redis8Options();
  options.password = "sesame";
  RedisServer locked(options);
  MustCreate(2, {.address = locked.url()});
  EXPECT_THAT(ReadTestFile(here_ / "flags/shared.json"),
              AllOf(HasSubstr(locked.host()), Not(HasSubstr("sesame"))));
  const Error error = OpenError();
  EXPECT_EQ(error.code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(error.message, Not(HasSubstr("sesame")));
  const CollectionOptions with_password{.open_redis = [&](const std::string&) {
    return OpenRedisAt(locked.url());
  }};
  EXPECT_TRUE(Collection::Open(here_.path(), "flags", with_password));
}

TEST_F(SharedCollectionRedis, WhatVectorSetsCannotDoIsRefused) {
  const SharedPlace place{.address = Redis8().url()};
  const auto l2 =
      Collection::CreateShared(here_.path(), Spec(2, Metric::kL2), place);
  EXPECT_EQ(l2.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(l2.error().message, HasSubstr("cosine only"));
  EXPECT_FALSE(Collection::CreateShared(
      here_.path(), Spec(2), {.address = Redis8().url(), .partitions = 2000}));
  EXPECT_FALSE(
      Collection::CreateShared(here_.path(), Spec(2), {.address = "http://x"}));
  EXPECT_FALSE(ParseQuantization("float"));
  EXPECT_EQ(Redis8().Run({"DBSIZE"})->integer, 0);
}

TEST_F(SharedCollectionRedis, Redis7IsToldFrom8) {
  const RedisServer old;
  const int version = OpenTestRedis(old.url())->Version().value();
  if (version >= 80000) GTEST_SKIP() << "no Redis 7 here";
  const auto made =
      Collection::CreateShared(here_.path(), Spec(2), {.address = old.url()});
  EXPECT_EQ(made.error().code, ErrorCode::kUnimplemented);
  EXPECT_THAT(made.error().message,
              AllOf(HasSubstr("need the vector sets of Redis 8 or later, and "
                              "redis://127.0.0.1"),
                    HasSubstr(" is version 7.")));
  EXPECT_EQ(old.Run({"DBSIZE"})->integer, 0);
}

TEST_F(SharedCollectionRedis, ValuesOfOthersAreErrors) {
  const auto run = [](std::vector<std::string> words) {
    auto done = Redis8().Run(std::move(words));
    ASSERT_TRUE(done) << done.error().message;
  };
  const std::string spec = SharedSpecKey("flags");
  const std::string items = SharedItemsKey("flags", 0);
  const std::string vectors = SharedVectorsKey("flags", 0);
  const auto here = MustCreate();
  ASSERT_TRUE(here->Put({{Vector("a", 1, 0), Vector("b", 0, 1)}}));
  const std::vector<float> query = {1, 0};

  for (const std::string& record :
       {std::string(), std::string("I1"), std::string(5000, '\xff')}) {
    run({"HSET", items, "b", record});
    EXPECT_EQ(here->Find("b").error().code, ErrorCode::kDataLoss);
    EXPECT_EQ(here->Search(query).error().code, ErrorCode::kDataLoss);
    EXPECT_EQ(here->Digests().error().code, ErrorCode::kDataLoss);
    EXPECT_THAT(here->VectorOf("b").error().message,
                HasSubstr("an item in Redis is not what ocelli wrote there"));
  }
  ASSERT_EQ(here->Remove({{"b"}}), 1u);
  EXPECT_THAT(Ids(here->Search(query).value()), ElementsAre("a"));

  // Vectors of others are nobody's.
  run({"VADD", vectors, "VALUES", "2", "1", "0", "stranger", "NOQUANT"});
  EXPECT_THAT(Ids(here->Search(query).value()), ElementsAre("a"));
  run({"DEL", vectors});
  run({"VADD", vectors, "VALUES", "3", "1", "0", "0", "a", "NOQUANT"});
  EXPECT_FALSE(here->Search(query));
  EXPECT_EQ(here->VectorOf("a").error().code, ErrorCode::kDataLoss);
  run({"SET", vectors, "text"});
  EXPECT_EQ(here->Search(query).error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(here->Put({{Vector("c", 1, 0)}}).error().message,
              HasSubstr("WRONGTYPE"));

  run({"DEL", vectors});
  run({"HSET", spec, "dimension", "-3"});
  EXPECT_EQ(OpenError().code, ErrorCode::kDataLoss);
  run({"HSET", spec, "format", "ocelli collection 2"});
  EXPECT_THAT(OpenError().message, HasSubstr("another version of ocelli"));
  run({"HSET", spec, "format", "something"});
  EXPECT_THAT(OpenError().message,
              HasSubstr("the key ocelli:c:{flags} in Redis is not what ocelli "
                        "wrote there"));
  run({"SET", spec, "text"});
  EXPECT_EQ(OpenError().code, ErrorCode::kFailedPrecondition);

  // Keys of another program are not cleared away.
  run({"FLUSHALL"});
  run({"HSET", items, "field", "value"});
  auto made = Collection::CreateShared(there_.path(), Spec(2),
                                       {.address = Redis8().url()});
  EXPECT_EQ(made.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(made.error().message, HasSubstr("another program uses its keys"));
  EXPECT_EQ(Redis8().Run({"DBSIZE"})->integer, 1);
}

TEST_F(SharedCollectionRedis, WhatWasHalfCreatedIsCompletedByTheNextWhoOpens) {
  MustCreate(2, {.address = {}, .partitions = 3});
  ASSERT_TRUE(Redis8().Run({"HSET", SharedSpecKey("flags"), "ready", "0"}));
  ASSERT_TRUE(Redis8().Run({"DEL", SharedItemsKey("flags", 1)}));
  const auto there = MustAttach();
  EXPECT_TRUE(there->Put({{Vector("a", 1, 0), Vector("b", 1, 0)}}));
  // Later, the same is a loss.
  ASSERT_TRUE(Redis8().Run({"DEL", SharedItemsKey("flags", 1)}));
  EXPECT_THAT(OpenError().message, HasSubstr("Redis lost it"));
}

TEST_F(SharedCollectionRedis, RedisGoneAndBackIsAnErrorAndNoLoss) {
  RedisServerOptions options = Redis8Options();
  options.append_only = true;
  RedisServer server(options);
  const auto here = MustCreate(2, {.address = server.url()});
  ASSERT_TRUE(here->Put({{Vector("a", 1, 0)}}));
  server.Kill();
  const auto hits = here->Search(std::vector<float>{1, 0});
  EXPECT_EQ(hits.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(hits.error().message,
              HasSubstr("collection \"flags\" in redis://" + server.host()));
  EXPECT_EQ(here->Put({{Vector("b", 1, 0)}}).error().code,
            ErrorCode::kUnavailable);
  EXPECT_EQ(OpenError().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(RemoveSharedCollection(here_.path(), "flags"));
  server.Restart();
  EXPECT_TRUE(EventuallyTrue([&] { return here->Find("a").has_value(); }));
  EXPECT_THAT(Ids(here->Search(std::vector<float>{1, 0}).value()),
              ElementsAre("a"));
}

TEST_F(SharedCollectionRedis, AMasterThatDiesIsNoticedByNobody) {
  RedisCluster& cluster = Redis8Cluster();
  FlushTestRedis(*OpenTestRedis(cluster.url()));
  const CollectionOptions patient{.open_redis = [](const std::string& address) {
    return RedisClient::Open(ParseRedisUrl(address).value(),
                             {.patience = std::chrono::seconds(20)});
  }};
  const auto here =
      Collection::CreateShared(here_.path(), Spec(8),
                               {.address = cluster.url()}, patient)
          .value();
  EXPECT_EQ(here->Stats()->partitions, 16);
  std::mt19937 random(8);
  const auto entries = RandomEntries(200, 8, random);
  ASSERT_TRUE(here->Put(std::span(entries).first(100)));
  // What was acknowledged and is not yet at a replica may be lost.
  const auto replicated = [&](std::size_t i) {
    const std::string info = cluster.node(i).Run({"INFO", "replication"})->text;
    const auto number = [&](const std::string& field) {
      const auto at = info.find(field);
      return at == info.npos ? -1 : std::stoll(info.substr(at + field.size()));
    };
    return number(",offset=") >= number("master_repl_offset:");
  };
  const std::size_t killed = cluster.MasterOf(SharedItemsKey("flags", 0));
  EXPECT_TRUE(EventuallyTrue([&] { return replicated(killed); }));
  cluster.node(killed).Kill();
  const auto hits = here->Search(entries[0].vector, {.k = 200});
  ASSERT_TRUE(hits) << hits.error().message;
  EXPECT_EQ(hits->size(), 100u);
  const auto put = here->Put(entries);
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(put->added, 100u);
  EXPECT_EQ(here->Search(entries[150].vector, {.k = 1})->at(0).item.id, "150");
  cluster.node(killed).Restart();
  EXPECT_TRUE(cluster.WaitUntilWhole());
}

TEST_F(SharedCollectionRedis, PutThatIsCutOffIsCompletedByTheSameAgain) {
  RedisServerOptions options = Redis8Options();
  options.append_only = true;
  RedisServer server(options);
  const auto here = MustCreate(32, {.address = server.url(), .partitions = 3});
  std::mt19937 random(4);
  const auto entries = RandomEntries(600, 32, random);
  std::atomic<bool> failed = false;
  std::jthread writer([&] {
    if (!here->Put(entries)) failed = true;
  });
  const auto watcher = OpenTestRedis(server.url());
  EXPECT_TRUE(EventuallyTrue([&] {
    const auto count = watcher->Run({{"VCARD", SharedVectorsKey("flags", 0)}});
    return count && count->integer > 0;
  }));
  server.Kill();
  writer.join();
  EXPECT_TRUE(failed);
  server.Restart();
  Result<CollectionStats> stats = Fail(ErrorCode::kUnavailable, "");
  EXPECT_TRUE(EventuallyTrue([&] {
    stats = here->Stats();
    return stats.has_value();
  }));
  EXPECT_GT(stats->items, 0u);
  EXPECT_LT(stats->items, 600u);
  EXPECT_EQ(here->Digests()->size(), stats->items);
  const auto put = here->Put(entries).value();
  EXPECT_EQ(put.unchanged, stats->items);
  EXPECT_EQ(put.added, 600 - stats->items);
  EXPECT_EQ(here->Search(entries[0].vector, {.k = 600})->size(), 600u);
}

TEST_F(SharedCollectionRedis, AFullRedisKeepsWhatItHas) {
  RedisServerOptions options = Redis8Options();
  RedisServer server(options);
  const auto here = MustCreate(64, {.address = server.url()});
  std::mt19937 random(5);
  const auto entries = RandomEntries(200, 64, random);
  ASSERT_TRUE(here->Put(std::span(entries).first(50)));
  ASSERT_TRUE(server.Run({"CONFIG", "SET", "maxmemory", "1"}));
  const auto full = here->Put(entries);
  EXPECT_EQ(full.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(full.error().message, HasSubstr("maxmemory"));
  EXPECT_EQ(here->Search(entries[7].vector, {.k = 1})->at(0).item.id, "7");
  ASSERT_TRUE(server.Run({"CONFIG", "SET", "maxmemory", "0"}));
  EXPECT_EQ(here->Put(entries)->added, 150u);
}

TEST_F(SharedCollectionRedis, ManyVectorsAreSearchedThroughTheGraph) {
  const auto whole = MustCreate(32, {.address = {}, .partitions = 2});
  std::mt19937 random(6);
  ASSERT_TRUE(whole->Put(RandomEntries(1500, 32, random)));
  EXPECT_FALSE(whole->Stats()->approximate);
  const auto graph = MustAttach({.shared_approximate_from_numbers = 1});
  EXPECT_TRUE(graph->Stats()->approximate);
  EXPECT_TRUE(graph->Stats()->index_outdated);
  EXPECT_EQ(graph->Stats()->recall_queries, 0);
  ASSERT_TRUE(graph->UpdateIndex());
  const auto stats = graph->Stats().value();
  EXPECT_FALSE(stats.index_outdated);
  EXPECT_GT(stats.recall_at_10, 0.9);
  EXPECT_GT(stats.recall_queries, 20);
  EXPECT_GT(stats.effort, 0);
  const auto queries = RandomVectors(20, 32, random);
  const auto exact = whole->SearchMany(queries).value();
  const auto found = graph->SearchMany(queries).value();
  std::size_t right = 0;
  for (std::size_t i = 0; i < 20; ++i) {
    ASSERT_EQ(found[i].size(), 10u);
    for (const Hit& hit : found[i]) {
      right += hit.similarity >= exact[i].back().similarity ? 1 : 0;
    }
  }
  EXPECT_GT(right, 180u);
  // Never fewer for want of looking.
  EXPECT_EQ(graph->Search(std::span(queries).first(32), {.k = 1500})->size(),
            1500u);
}

TEST_F(SharedCollectionRedis, SignsAloneAreNotKeptWhereAllAreTheSame) {
  const auto made =
      MustCreate(2, {.address = {}, .quantization = Quantization::kBinary});
  const auto put = made->Put({{Vector("a", -1, 2), Vector("b", 1, 2)}});
  EXPECT_EQ(put.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(put.error().message,
              HasSubstr("\"b\": a vector without negative numbers"));
  EXPECT_EQ(made->Stats()->items, 0u);
  EXPECT_TRUE(made->Put({{Vector("a", -1, 2)}}));
}

TEST_F(SharedCollectionRedis, QuantizationTakesLessMemory) {
  std::mt19937 random(7);
  const auto entries = RandomEntries(300, 256, random);
  std::map<Quantization, std::uint64_t> bytes;
  for (const auto quantization :
       {Quantization::kNone, Quantization::kInt8, Quantization::kBinary}) {
    ASSERT_TRUE(Redis8().Run({"FLUSHALL"}));
    const TestFolder folder;
    const auto made = Collection::CreateShared(folder.path(), Spec(256),
                                               {.address = Redis8().url(),
                                                .quantization = quantization})
                          .value();
    ASSERT_TRUE(made->Put(entries));
    bytes[quantization] = made->Stats()->bytes;
    EXPECT_EQ(made->Stats()->quantization, quantization);
    // Each is its own nearest whatever is lost.
    for (std::size_t i = 0; i < 300; i += 50) {
      const auto hits = made->Search(entries[i].vector, {.k = 3}).value();
      ASSERT_EQ(hits.size(), 3u);
      EXPECT_EQ(hits[0].item.id, entries[i].item.id);
    }
    // What comes out can go in again unchanged.
    EXPECT_EQ(made->Put({{{entries[9].item, made->VectorOf("9").value()}}})
                  ->unchanged,
              1u);
  }
  EXPECT_LT(bytes[Quantization::kInt8],
            bytes[Quantization::kNone] - 300 * 256 * 2);
  EXPECT_LT(bytes[Quantization::kBinary], bytes[Quantization::kInt8]);
}

}  // namespace
}  // namespace ocelli
