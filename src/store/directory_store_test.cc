#include "store/directory_store.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <thread>

#include "store/test_requests.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

class DirectoryStore : public testing::Test {
 protected:
  DirectoryStore() {
    std::string pattern = testing::TempDir() + "ocelli-store-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    root_ = folder_ / "root";
    store_ = MakeDirectoryStore(root_).value();
  }
  ~DirectoryStore() override { fs::remove_all(folder_); }
  void SetUp() override { ASSERT_TRUE(store_->Check()); }

  std::vector<std::string> Files() {
    std::vector<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(root_)) {
      files.push_back(entry.path().lexically_relative(root_));
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  fs::path folder_, root_;
  std::unique_ptr<ObjectStore> store_;
};

TEST_F(DirectoryStore, HasOneNameForEachFolder) {
  EXPECT_EQ(store_->root(), "dir:" + root_.string());
  EXPECT_EQ(MakeDirectoryStore(root_ / "../root/.//")->get()->root(),
            store_->root());
  EXPECT_EQ(MakeDirectoryStore("x")->get()->root(),
            "dir:" + (fs::current_path() / "x").string());
  EXPECT_EQ(MakeDirectoryStore("").error().code, ErrorCode::kInvalidArgument);
}

TEST_F(DirectoryStore, NamesItsObjectsByUrl) {
  const auto store = MakeDirectoryStore("/srv/my frames").value();
  EXPECT_EQ(store->UrlOf("2026/één 100%?#.jpg"),
            "file:///srv/my%20frames/2026/%C3%A9%C3%A9n%20100%25%3F%23.jpg");
  EXPECT_EQ(store->PresignedUrl("a", std::chrono::hours(1), {}).error().code,
            ErrorCode::kUnimplemented);
}

TEST_F(DirectoryStore, AMissingRootIsNotMadeByAnythingButCheck) {
  fs::remove(root_);
  EXPECT_EQ(store_->Put(Request("a", "x")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(store_->List("", [](const ObjectInfo&) { return Result<>(); })
                .error()
                .code,
            ErrorCode::kNotFound);
  EXPECT_EQ(store_->List("a/", [](const ObjectInfo&) { return Result<>(); })
                .error()
                .code,
            ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(root_));
}

TEST_F(DirectoryStore, AFileInPlaceOfAFolderIsAClearError) {
  std::ofstream(folder_ / "file") << "x";
  const auto store = MakeDirectoryStore(folder_ / "file/frames").value();
  const auto checked = store->Check();
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().message.find((folder_ / "file/frames").string()),
            std::string::npos);
  ASSERT_TRUE(store_->Put(Request("a", "x")));
  EXPECT_EQ(store_->Put(Request("a/b", "y")).error().code,
            ErrorCode::kFailedPrecondition);
  ASSERT_TRUE(store_->Put(Request("c/d", "y")));
  EXPECT_FALSE(store_->Put(Request("c", "x")));
  EXPECT_EQ(Files(), (std::vector<std::string>{"a", "c", "c/d"}));
}

TEST_F(DirectoryStore, DoesNotFollowLinks) {
  const fs::path outside = folder_ / "outside";
  fs::create_directories(outside / "deep");
  std::ofstream(outside / "secret") << "x";
  fs::create_directory_symlink(outside, root_ / "link");
  fs::create_symlink(outside / "secret", root_ / "file");
  const auto put = store_->Put(Request("link/new", "y"));
  EXPECT_EQ(put.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(put.error().message.find("link"), std::string::npos);
  EXPECT_EQ(store_->Put(Request("link/deep/new", "y")).error().code,
            ErrorCode::kFailedPrecondition);
  for (const char* key : {"link/secret", "file"}) {
    EXPECT_EQ(store_->Get(key, 10).error().code, ErrorCode::kNotFound) << key;
    EXPECT_EQ(store_->Head(key).error().code, ErrorCode::kNotFound) << key;
  }
  EXPECT_TRUE(store_->Delete("link/secret"));
  EXPECT_TRUE(store_->Delete("link"));
  // Replaces the link, not what is behind it.
  EXPECT_TRUE(store_->Put(Request("file", "mine")));
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(root_ / "file")));
  EXPECT_EQ(fs::file_size(outside / "secret"), 1u);
  EXPECT_FALSE(fs::exists(outside / "new"));
}

TEST_F(DirectoryStore, OnlyFilesAreObjects) {
  ASSERT_EQ(mkfifo((root_ / "pipe").c_str(), 0600), 0);
  fs::create_directory(root_ / "folder");
  for (const char* key : {"pipe", "folder"}) {
    EXPECT_EQ(store_->Get(key, 10).error().code, ErrorCode::kNotFound) << key;
  }
  EXPECT_TRUE(store_->Delete("folder"));
  EXPECT_TRUE(fs::exists(root_ / "folder"));
  EXPECT_TRUE(store_->List("", [](const ObjectInfo& info) -> Result<> {
    return Fail(ErrorCode::kInternal, info.key);
  }));
}

TEST_F(DirectoryStore, DeleteRemovesFoldersThatBecameEmpty) {
  ASSERT_TRUE(store_->Put(Request("2026/11/25/a.jpg", "x")));
  ASSERT_TRUE(store_->Put(Request("2026/10/b.jpg", "x")));
  ASSERT_TRUE(store_->Delete("2026/11/25/a.jpg"));
  EXPECT_EQ(Files(),
            (std::vector<std::string>{"2026", "2026/10", "2026/10/b.jpg"}));
  ASSERT_TRUE(store_->Delete("2026/10/b.jpg"));
  EXPECT_TRUE(Files().empty());
  EXPECT_TRUE(fs::exists(root_));
  // And makes them again.
  ASSERT_TRUE(store_->Put(Request("2026/11/25/a.jpg", "x")));
}

TEST_F(DirectoryStore, WhatAKilledProcessLeftIsNotListedAndGoes) {
  const std::string left = ".ocelli-1-0.tmp";
  fs::create_directories(root_ / "a");
  fs::create_directories(root_ / "b");
  for (const char* folder : {"", "a", "b"}) {
    std::ofstream(root_ / folder / left) << "half a pic";
  }
  std::ofstream(root_ / "b/picture") << "x";
  std::vector<std::string> keys;
  ASSERT_TRUE(store_->List("", [&](const ObjectInfo& info) {
    keys.push_back(info.key);
    return Result<>();
  }));
  EXPECT_EQ(keys, std::vector<std::string>{"b/picture"});
  EXPECT_EQ(store_->Get("a/" + left, 100).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(store_->Put(Request("a/" + left, "x")).error().code,
            ErrorCode::kInvalidArgument);

  ASSERT_TRUE(store_->Put(Request("a/new", "x")));
  ASSERT_TRUE(store_->Delete("b/picture"));
  EXPECT_EQ(Files(), (std::vector<std::string>{"a", "a/new"}));
}

TEST_F(DirectoryStore, FilesBeingWrittenByOthersStay) {
  const auto other = MakeDirectoryStore(root_).value();
  PutRequest slow = Request("a/slow", "slow");
  std::promise<void> begun, go_on;
  slow.body.read = [&, read = slow.body.read](std::uint64_t offset,
                                              std::span<std::byte> into) {
    begun.set_value();
    go_on.get_future().wait();
    return read(offset, into);
  };
  std::promise<PutOutcome> done;
  other->StartPut(std::move(slow), [&](PutOutcome outcome) {
    done.set_value(std::move(outcome));
  });
  begun.get_future().wait();
  EXPECT_TRUE(store_->Put(Request("a/quick", "quick")));
  EXPECT_TRUE(store_->Delete("a/quick"));
  go_on.set_value();
  const PutOutcome outcome = done.get_future().get();
  EXPECT_TRUE(outcome.result) << outcome.result.error().message;
  EXPECT_EQ(Files(), (std::vector<std::string>{"a", "a/slow"}));
}

// A file that may not grow is what a full disk is.
TEST_F(DirectoryStore, AFullDiskLeavesNothing) {
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {100'000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto put = store_->Put(Request("a/large", RandomBytes(300'000)));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::kResourceExhausted);
  EXPECT_NE(put.error().message.find("a/large"), std::string::npos);
  EXPECT_TRUE(Files().empty());
}

TEST_F(DirectoryStore, ManyPutsAndDeletesInOneFolderGetAlong) {
  const auto other = MakeDirectoryStore(root_).value();
  std::atomic<int> failed = 0;
  std::string message;
  std::mutex mutex;
  {
    std::vector<std::jthread> threads;
    for (ObjectStore* store : {store_.get(), other.get()}) {
      for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&, store, i] {
          for (int round = 0; round < 50; ++round) {
            const std::string key = "a/b/" + std::to_string(i);
            for (const auto& result :
                 {store->Put(Request(key, "x")), store->Delete(key)}) {
              if (result) continue;
              ++failed;
              const std::lock_guard lock(mutex);
              message = result.error().message;
            }
          }
        });
      }
    }
  }
  EXPECT_EQ(failed, 0) << message;
  EXPECT_TRUE(Files().empty());
}

}  // namespace
}  // namespace ocelli
