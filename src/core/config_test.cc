#include "core/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace ocelli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest()
      : file_(std::filesystem::path(::testing::TempDir()) /
              ("ocelli_config_" + std::to_string(::getpid()) + ".toml")) {}
  ~ConfigTest() override { std::filesystem::remove(file_); }

  Result<> Load(std::string_view toml) {
    std::ofstream(file_) << toml;
    return config_.LoadFile(file_);
  }
  void Environment(const char* entry) {
    const char* const environment[] = {"HOME=/home/ada", entry, nullptr};
    config_.LoadEnvironment(environment);
  }

  const std::filesystem::path file_;
  Config config_;
};

TEST_F(ConfigTest, WhatIsNotSetIsTheFallback) {
  EXPECT_EQ(config_.GetString("log.format", "text").value(), "text");
  EXPECT_EQ(config_.GetInt("cache.max_bytes", 7).value(), 7);
  EXPECT_EQ(config_.GetDouble("faces.threshold", 0.5).value(), 0.5);
  EXPECT_EQ(config_.GetBool("cache.enabled", true).value(), true);
}

TEST_F(ConfigTest, AFileSetsKeysOfEveryKind) {
  ASSERT_TRUE(Load(R"(
    name = "Ocelli"
    [cache]
    max_bytes = 1_000_000
    enabled = false
    [faces.identify]
    threshold = 0.363
  )"));
  EXPECT_EQ(config_.GetString("name", "").value(), "Ocelli");
  EXPECT_EQ(config_.GetInt("cache.max_bytes", 0).value(), 1'000'000);
  EXPECT_EQ(config_.GetBool("cache.enabled", true).value(), false);
  EXPECT_EQ(config_.GetDouble("faces.identify.threshold", 0).value(), 0.363);
  EXPECT_EQ(config_.GetString("faces.identify.threshold", "").value(), "0.363");
}

TEST_F(ConfigTest, AFlagWinsOverTheEnvironmentOverTheFile) {
  ASSERT_TRUE(Load("cache.max_bytes = 1"));
  EXPECT_EQ(config_.GetInt("cache.max_bytes", 0).value(), 1);
  Environment("OCELLI_CACHE_MAX_BYTES=2");
  EXPECT_EQ(config_.GetInt("cache.max_bytes", 0).value(), 2);
  config_.SetFlag("cache.max_bytes", "3");
  EXPECT_EQ(config_.GetInt("cache.max_bytes", 0).value(), 3);
}

TEST_F(ConfigTest, LoadingAgainForgetsWhatWasThere) {
  ASSERT_TRUE(Load("old = 1"));
  Environment("OCELLI_OLDER=1");
  ASSERT_TRUE(Load("new = 2"));
  Environment("OCELLI_NEWER=2");
  EXPECT_EQ(config_.GetInt("old", 0).value(), 0);
  EXPECT_EQ(config_.GetInt("older", 0).value(), 0);
  EXPECT_EQ(config_.GetInt("new", 0).value(), 2);
  EXPECT_EQ(config_.GetInt("newer", 0).value(), 2);
}

TEST_F(ConfigTest, OtherVariablesAndBrokenOnesAreIgnored) {
  const char* const environment[] = {"HOME=/root", "OCELLI_NOTHING",
                                     "OCELLI_EMPTY=", "OCELLI_A=b=c", nullptr};
  config_.LoadEnvironment(environment);
  EXPECT_EQ(config_.GetString("home", "unset").value(), "unset");
  EXPECT_EQ(config_.GetString("nothing", "unset").value(), "unset");
  EXPECT_EQ(config_.GetString("empty", "unset").value(), "");
  EXPECT_EQ(config_.GetString("a", "unset").value(), "b=c");
}

TEST_F(ConfigTest, AWrongValueIsNamedWithKeyAndOrigin) {
  config_.SetFlag("log.level", "loud");
  Environment("OCELLI_CACHE_MAX_BYTES=1GB");
  ASSERT_TRUE(Load("\n  cache.enabled = \"maybe\""));

  const auto whole = config_.GetInt("cache.max_bytes", 0);
  ASSERT_FALSE(whole);
  EXPECT_EQ(whole.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(whole.error().message,
            "cache.max_bytes is not a whole number: '1GB' "
            "(OCELLI_CACHE_MAX_BYTES)");

  const auto real = config_.GetDouble("log.level", 0);
  ASSERT_FALSE(real);
  EXPECT_THAT(real.error().message, HasSubstr("'loud' (--log.level)"));

  const auto truth = config_.GetBool("cache.enabled", true);
  ASSERT_FALSE(truth);
  EXPECT_THAT(truth.error().message, HasSubstr("'maybe' (" + file_.string()));
}

TEST_F(ConfigTest, NumbersOutOfRangeAreWrongValues) {
  config_.SetFlag("count", "9223372036854775808");
  config_.SetFlag("size", "1e999");
  config_.SetFlag("half", "0.5");
  config_.SetFlag("empty", "");
  EXPECT_FALSE(config_.GetInt("count", 0));
  EXPECT_FALSE(config_.GetDouble("size", 0));
  EXPECT_FALSE(config_.GetInt("half", 0));
  EXPECT_FALSE(config_.GetInt("empty", 0));
  EXPECT_FALSE(config_.GetBool("empty", true));
}

TEST_F(ConfigTest, AMistakeInTheFileIsNamedWithItsPlace) {
  const auto loaded = Load("ok = 1\nbroken = = 2\n");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(loaded.error().message, HasSubstr(file_.string() + ":2:10: "));
}

TEST_F(ConfigTest, AListIsItsValues) {
  ASSERT_TRUE(Load("models = [\"a\", \"b c\", 3]\none = \"x\"\nnone = []\n"));
  EXPECT_THAT(config_.GetList("models"), ElementsAre("a", "b c", "3"));
  EXPECT_THAT(config_.GetList("one"), ElementsAre("x"));
  EXPECT_THAT(config_.GetList("none"), IsEmpty());
  EXPECT_THAT(config_.GetList("missing"), IsEmpty());
}

TEST_F(ConfigTest, EntriesOfTheFileSayWhereTheyStand) {
  ASSERT_TRUE(Load("[cache]\nurl = \"x\"\n"));
  const auto entries = config_.FileEntries();
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].key, "cache.url");
  EXPECT_EQ(entries[0].value, "x");
  EXPECT_EQ(entries[0].origin, file_.string() + ":2:7");
}

TEST_F(ConfigTest, AListOfListsIsRefusedAndWhatHeldBeforeStays) {
  ASSERT_TRUE(Load("size = 1"));
  const auto loaded = Load("size = 2\nmodels = [[\"a\"], \"b\"]\n");
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, HasSubstr(":2:10: models is not"));
  EXPECT_EQ(config_.GetInt("size", 0).value(), 1);
}

TEST_F(ConfigTest, AMissingFileOrAFolderIsNotFound) {
  for (const std::filesystem::path& path :
       {file_ / "none.toml", std::filesystem::path(::testing::TempDir())}) {
    const auto loaded = config_.LoadFile(path);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ErrorCode::kNotFound);
    EXPECT_THAT(loaded.error().message, HasSubstr(path.string()));
  }
}

}  // namespace
}  // namespace ocelli
