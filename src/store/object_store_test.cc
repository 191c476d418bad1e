#include "store/object_store.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <ranges>
#include <thread>

#include "store/directory_store.h"
#include "store/test_requests.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

// A kind of store; each test gets an empty one.
struct Kind {
  std::string name;
  std::unique_ptr<ObjectStore> (*make)(const fs::path& folder);
};

class ObjectStoreContract : public testing::TestWithParam<Kind> {
 protected:
  ObjectStoreContract() {
    std::string pattern = testing::TempDir() + "ocelli-store-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    store_ = GetParam().make(folder_);
  }
  ~ObjectStoreContract() override {
    for (const std::string& key : Keys()) EXPECT_TRUE(store_->Delete(key));
    store_.reset();
    fs::remove_all(folder_);
  }

  void SetUp() override { ASSERT_TRUE(store_->Check()); }

  std::vector<std::string> Keys(const std::string& prefix = "") {
    std::vector<std::string> keys;
    const auto listed = store_->List(prefix, [&](const ObjectInfo& info) {
      keys.push_back(info.key);
      return Result<>();
    });
    EXPECT_TRUE(listed) << listed.error().message;
    return keys;
  }

  std::vector<std::byte> Stored(const std::string& key) {
    const auto bytes = store_->Get(key, 64 << 20);
    EXPECT_TRUE(bytes) << bytes.error().message;
    return bytes ? *bytes : std::vector<std::byte>();
  }

  fs::path folder_;
  std::unique_ptr<ObjectStore> store_;
};

TEST_P(ObjectStoreContract, GetReturnsTheLastPut) {
  ASSERT_TRUE(store_->Put(Request("2026/frame.jpg", "old and longer")));
  ASSERT_TRUE(store_->Put(Request("2026/frame.jpg", "new")));
  EXPECT_EQ(Stored("2026/frame.jpg"), Bytes("new"));
}

TEST_P(ObjectStoreContract, AnObjectMayBeEmpty) {
  ASSERT_TRUE(store_->Put(Request("empty", "")));
  EXPECT_EQ(Stored("empty"), Bytes(""));
  EXPECT_EQ(store_->Head("empty").value().bytes, 0u);
}

TEST_P(ObjectStoreContract, LargeObjectsComeBackWhole) {
  const auto bytes = RandomBytes((11 << 20) + 17);
  ASSERT_TRUE(store_->Put(Request("large", bytes)));
  EXPECT_TRUE(Stored("large") == bytes);
  EXPECT_EQ(store_->Head("large").value().bytes, bytes.size());
}

TEST_P(ObjectStoreContract, WhatIsNotThereIsNotFound) {
  ASSERT_TRUE(store_->Put(Request("there", "x")));
  for (const char* key : {"nope", "no/pe", "there/not", "ther"}) {
    EXPECT_EQ(store_->Get(key, 10).error().code, ErrorCode::kNotFound) << key;
    EXPECT_EQ(store_->Head(key).error().code, ErrorCode::kNotFound) << key;
  }
}

TEST_P(ObjectStoreContract, GetRefusesMoreThanItsLimit) {
  ASSERT_TRUE(store_->Put(Request("ten", "0123456789")));
  EXPECT_EQ(store_->Get("ten", 10).value().size(), 10u);
  EXPECT_EQ(store_->Get("ten", 9).error().code, ErrorCode::kResourceExhausted);
}

TEST_P(ObjectStoreContract, HeadTellsSizeAndTime) {
  using std::chrono::system_clock;
  // Stores keep seconds only.
  const auto before = system_clock::now() - std::chrono::seconds(2);
  ASSERT_TRUE(store_->Put(Request("a/b", "12345")));
  const auto info = store_->Head("a/b");
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->key, "a/b");
  EXPECT_EQ(info->bytes, 5u);
  EXPECT_GE(info->modified, before);
  EXPECT_LE(info->modified, system_clock::now() + std::chrono::seconds(2));
}

TEST_P(ObjectStoreContract, ListIsInTheOrderOfTheKeysBytes) {
  const std::vector<std::string> sorted = {
      "a b",         "a-b",
      "a.b",         "a/b/c",
      "a/b0",        "a0",
      "ab",          "b+c%20&d=e?",
      "b/'(x)*!~$;", "manifest/1.jsonl",
      "z\"<>",       "één/ü",
      "日本",        "\xF0\x9F\x8E\xA5/video"};
  for (const std::string& key : std::ranges::reverse_view(sorted)) {
    const auto put = store_->Put(Request(key, key));
    ASSERT_TRUE(put) << key << ": " << put.error().message;
  }
  EXPECT_EQ(Keys(), sorted);
  for (const std::string& key : sorted) EXPECT_EQ(Stored(key), Bytes(key));
  EXPECT_EQ(Keys("a/"), (std::vector<std::string>{"a/b/c", "a/b0"}));
  EXPECT_EQ(Keys("a/b"), (std::vector<std::string>{"a/b/c", "a/b0"}));
  EXPECT_EQ(Keys("a/b/"), (std::vector<std::string>{"a/b/c"}));
  EXPECT_EQ(Keys("é"), (std::vector<std::string>{"één/ü"}));
  for (const char* prefix : {"nope", "a//", "/", "../", "a/../a/"}) {
    EXPECT_TRUE(Keys(prefix).empty()) << prefix;
  }
}

TEST_P(ObjectStoreContract, ListTellsSizesAndEndsWithItsCallersError) {
  ASSERT_TRUE(store_->Put(Request("1", "x")));
  ASSERT_TRUE(store_->Put(Request("2", "xy")));
  std::vector<std::uint64_t> sizes;
  const auto listed = store_->List("", [&](const ObjectInfo& info) {
    sizes.push_back(info.bytes);
    return Result<>(Fail(ErrorCode::kAlreadyExists, "enough"));
  });
  EXPECT_EQ(listed.error().message, "enough");
  EXPECT_EQ(sizes, std::vector<std::uint64_t>{1});
}

TEST_P(ObjectStoreContract, ListEndsWhenAskedTo) {
  ASSERT_TRUE(store_->Put(Request("1", "x")));
  std::stop_source stop;
  stop.request_stop();
  const auto listed = store_->List(
      "", [](const ObjectInfo&) { return Result<>(); }, stop.get_token());
  EXPECT_EQ(listed.error().code, ErrorCode::kCancelled);
}

// More than the server of the tests lists in one answer.
TEST_P(ObjectStoreContract, ListHasNoLimit) {
  constexpr int kCount = 250;
  std::atomic<int> stored = 0, failed = 0;
  std::promise<void> all;
  for (int i = 0; i < kCount; ++i) {
    store_->StartPut(Request("many/" + std::to_string(10'000 + i), "x"),
                     [&](const PutOutcome& outcome) {
                       if (!outcome.result) ++failed;
                       if (++stored == kCount) all.set_value();
                     });
  }
  all.get_future().wait();
  ASSERT_EQ(failed, 0);
  const auto keys = Keys("many/");
  ASSERT_EQ(keys.size(), std::size_t{kCount});
  EXPECT_EQ(keys.front(), "many/10000");
  EXPECT_EQ(keys.back(), "many/10249");
}

TEST_P(ObjectStoreContract, DeletedObjectsAreGone) {
  ASSERT_TRUE(store_->Put(Request("a/b/c", "x")));
  ASSERT_TRUE(store_->Put(Request("a/d", "y")));
  EXPECT_TRUE(store_->Delete("a/b/c"));
  EXPECT_TRUE(store_->Delete("a/b/c"));
  EXPECT_TRUE(store_->Delete("never"));
  EXPECT_TRUE(store_->Delete("a/d/below an object"));
  EXPECT_EQ(Keys(), std::vector<std::string>{"a/d"});
  EXPECT_EQ(store_->Get("a/b/c", 10).error().code, ErrorCode::kNotFound);
}

TEST_P(ObjectStoreContract, BadKeysAreRefused) {
  for (const std::string& key :
       {std::string(), std::string("/a"), std::string("a/"),
        std::string("a//b"), std::string("../a"), std::string("a/./b"),
        std::string("a\nb"), std::string("a\0b", 3), std::string(901, 'a')}) {
    EXPECT_EQ(store_->Put(Request(key, "x")).error().code,
              ErrorCode::kInvalidArgument)
        << key;
    EXPECT_EQ(store_->Get(key, 1).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(store_->Head(key).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(store_->Delete(key).error().code, ErrorCode::kInvalidArgument);
  }
}

TEST_P(ObjectStoreContract, OtherBytesThanTheDigestsAreNotStored) {
  ASSERT_TRUE(store_->Put(Request("kept", "old")));
  for (const char* key : {"kept", "new"}) {
    PutRequest request = Request(key, "these");
    request.digest = Sha256("those");
    EXPECT_EQ(store_->Put(std::move(request)).error().code,
              ErrorCode::kDataLoss);
  }
  EXPECT_EQ(Keys(), std::vector<std::string>{"kept"});
  EXPECT_EQ(Stored("kept"), Bytes("old"));
}

TEST_P(ObjectStoreContract, ABodyThatCannotBeReadStoresNothing) {
  PutRequest request = Request("torn", RandomBytes(600'000));
  request.body.read = [read = request.body.read](
                          std::uint64_t offset,
                          std::span<std::byte> into) -> Result<std::size_t> {
    if (offset + into.size() > 300'000)
      return Fail(ErrorCode::kDataLoss, "bad sector");
    return read(offset, into);
  };
  const auto put = store_->Put(std::move(request));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kDataLoss);
  EXPECT_NE(put.error().message.find("bad sector"), std::string::npos)
      << put.error().message;
  EXPECT_TRUE(Keys().empty());
}

TEST_P(ObjectStoreContract, PutsMayStartPuts) {
  std::promise<PutOutcome> second;
  store_->StartPut(Request("1", "x"), [&](const PutOutcome&) {
    store_->StartPut(Request("2", "y"), [&](PutOutcome outcome) {
      second.set_value(std::move(outcome));
    });
  });
  EXPECT_TRUE(second.get_future().get().result);
  EXPECT_EQ(Keys(), (std::vector<std::string>{"1", "2"}));
}

TEST_P(ObjectStoreContract, ManyThreadsMayUseIt) {
  std::vector<std::jthread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 10; ++round) {
        const std::string key =
            "folder/" + std::to_string(i) + "/" + std::to_string(round);
        if (store_->Put(Request(key, key)) && store_->Head(key) &&
            store_->Get(key, 100) && store_->Delete(key)) {
          ++good;
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(good, 40);
  EXPECT_TRUE(Keys().empty());
}

TEST_P(ObjectStoreContract, ItsEndCancelsWhatIsUnderWay) {
  constexpr int kCount = 100;
  auto store = GetParam().make(folder_);
  ASSERT_TRUE(store->Check());
  std::atomic<int> stored = 0, cancelled = 0;
  std::promise<void> begun;
  std::atomic<bool> first = true;
  for (int i = 0; i < kCount; ++i) {
    PutRequest request = Request("end/" + std::to_string(i), "x");
    request.body.read = [&, read = request.body.read](
                            std::uint64_t offset, std::span<std::byte> into) {
      if (first.exchange(false)) begun.set_value();
      return read(offset, into);
    };
    store->StartPut(std::move(request), [&](PutOutcome outcome) {
      if (outcome.result) {
        ++stored;
      } else if (outcome.result.error().code == ErrorCode::kCancelled) {
        ++cancelled;
      }
    });
  }
  begun.get_future().wait();
  store.reset();
  EXPECT_EQ(stored + cancelled, kCount);
}

// A real one, empty, that OCELLI_TEST_S3 names, reached as AWS_ variables say:
// tests/integration/with_swift.py has one.
std::unique_ptr<ObjectStore> MakeS3Store(const fs::path& folder) {
  ObjectStoreOptions options;
  options.part_bytes = 5 << 20;  // The least that servers take.
  return std::move(ObjectStore::Open(getenv("OCELLI_TEST_S3") +
                                         ("/" + folder.filename().string()),
                                     options))
      .value();
}

std::vector<Kind> Kinds() {
  std::vector<Kind> kinds = {
      {"Memory", [](const fs::path&) { return MakeMemoryObjectStore(); }},
      {"Directory", [](const fs::path& folder) {
         return MakeDirectoryStore(folder / "to be/made").value();
       }}};
  if (getenv("OCELLI_TEST_S3")) kinds.push_back({"S3", MakeS3Store});
  return kinds;
}

INSTANTIATE_TEST_SUITE_P(Stores, ObjectStoreContract,
                         testing::ValuesIn(Kinds()),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace ocelli
