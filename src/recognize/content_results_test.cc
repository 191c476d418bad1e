#include "recognize/content_results.h"

#include <gtest/gtest.h>

#include <cmath>

#include "recognize/embedding_recognizer.h"

namespace ocelli {
namespace {

class ContentResultsTest : public testing::Test {
 protected:
  // Gets `key_` where only "good" can be read.
  Result<bool> Get(const std::string& computed) {
    return results_.Get(
        key_,
        [&]() -> Result<std::string> {
          ++computed_;
          return computed;
        },
        [&](std::string_view bytes) -> Result<> {
          if (bytes == "good") return {};
          return Fail(ErrorCode::kDataLoss, "damaged");
        });
  }

  const ResultKey key_{Sha256("image"), Sha256("models")};
  const std::unique_ptr<ResultCache> cache_ = MakeMemoryCache({});
  ContentResults results_{cache_.get()};
  int computed_ = 0;
};

TEST_F(ContentResultsTest, ComputesOnce) {
  EXPECT_FALSE(Get("good").value());
  EXPECT_TRUE(Get("good").value());
  EXPECT_EQ(computed_, 1);
}

TEST_F(ContentResultsTest, ADamagedEntryIsComputedAnewAndReplaced) {
  ASSERT_TRUE(cache_->Put(key_, "garbage"));
  EXPECT_FALSE(Get("good").value());
  EXPECT_EQ(computed_, 1);
  EXPECT_EQ(cache_->Get(key_).value(), "good");
}

TEST_F(ContentResultsTest, WhatCannotBeReadWhenFreshIsAnError) {
  EXPECT_EQ(Get("bad").error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(computed_, 1);
}

TEST_F(ContentResultsTest, OfManyOnlyWhatIsMissingIsComputed) {
  const std::vector<ResultKey> keys = {
      {Sha256("cached"), key_.fingerprint},  {Sha256("new"), key_.fingerprint},
      {Sha256("damaged"), key_.fingerprint}, {Sha256("none"), key_.fingerprint},
      {Sha256("new"), key_.fingerprint},
  };
  ASSERT_TRUE(cache_->Put(keys[0], "0"));
  ASSERT_TRUE(cache_->Put(keys[2], "garbage"));
  std::vector<std::size_t> computed;
  std::vector<std::string> parsed(keys.size());
  const auto cached = results_.GetMany(
      keys,
      [&](std::size_t i) -> Result<std::string> {
        computed.push_back(i);
        if (i == 3) return Fail(ErrorCode::kInvalidArgument, "no picture");
        return std::to_string(i);
      },
      [&](std::size_t i, std::string_view bytes) -> Result<> {
        if (bytes.size() > 1) return Fail(ErrorCode::kDataLoss, "damaged");
        parsed[i] = bytes;
        return {};
      });
  ASSERT_EQ(cached.size(), keys.size());
  EXPECT_TRUE(cached[0].value());
  EXPECT_FALSE(cached[1].value());
  EXPECT_FALSE(cached[2].value());
  EXPECT_EQ(cached[3].error().message, "no picture");
  EXPECT_TRUE(cached[4].value());
  EXPECT_EQ(computed, (std::vector<std::size_t>{1, 2, 3}));
  EXPECT_EQ(parsed, (std::vector<std::string>{"0", "1", "2", "", "1"}));
  EXPECT_EQ(cache_->Get(keys[2]).value(), "2");
}

TEST(Embedding, ReadsBackAsItWasWritten) {
  const Digest digest = Sha256("image");
  const std::vector<float> vector = {.6f, 0, -.8f};
  const std::string bytes = SerializeEmbedding(digest, vector);
  EXPECT_EQ(ParseEmbedding(bytes, digest, 3).value(), vector);
}

TEST(Embedding, BelievesNothing) {
  const Digest digest = Sha256("image");
  const std::string bytes = SerializeEmbedding(digest, std::vector{.6f, .8f});
  EXPECT_FALSE(ParseEmbedding(bytes, Sha256("other"), 2));
  EXPECT_FALSE(ParseEmbedding(bytes, digest, 3));
  EXPECT_FALSE(ParseEmbedding("not protobuf", digest, 2));
  EXPECT_FALSE(ParseEmbedding("", digest, 2));
  for (const std::vector<float>& wrong :
       {std::vector<float>{NAN, 1}, {INFINITY, 0}, {0, 0}, {1, 1}}) {
    EXPECT_FALSE(ParseEmbedding(SerializeEmbedding(digest, wrong), digest, 2));
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(ParseEmbedding(bytes.substr(0, size), digest, 2));
  }
}

}  // namespace
}  // namespace ocelli
