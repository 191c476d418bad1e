#include "cli/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "cli/serve_settings.h"
#include "core/test_folder.h"

namespace ocelli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SettingsTest : public testing::Test {
 protected:
  std::vector<std::string> MistakesIn(const std::string& toml) {
    Load(toml);
    return SettingMistakes(config_);
  }
  void Load(const std::string& toml) {
    std::ofstream(file_) << toml;
    const auto loaded = config_.LoadFile(file_);
    ASSERT_TRUE(loaded) << loaded.error().message;
  }

  const TestFolder folder_;
  const std::filesystem::path file_ = folder_ / "ocelli.toml";
  Config config_;
};

TEST_F(SettingsTest, TheExampleWithoutItsCommentSignsIsGood) {
  std::istringstream example(SettingsExample());
  std::string toml;
  for (std::string line; std::getline(example, line);) {
    // "# key = value" and "# [table.NAME]".
    const bool setting = line.starts_with("# ") &&
                         (line.find(" = ") != line.npos || line[2] == '[');
    toml += (setting ? line.substr(2) : line) + "\n";
  }
  EXPECT_THAT(MistakesIn(toml), IsEmpty());
  std::set<std::string> keys;
  for (const ConfigEntry& entry : config_.FileEntries()) keys.insert(entry.key);
  for (const SettingKind& kind : Settings()) {
    EXPECT_TRUE(keys.contains(std::string(kind.key))) << kind.key;
  }
}

TEST_F(SettingsTest, WhatIsMistypedIsNamedWithWhatWasMeant) {
  EXPECT_THAT(MistakesIn("[serve]\nprot = 1\n"),
              ElementsAre(HasSubstr(":2:8: there is no setting serve.prot; is "
                                    "serve.port meant?")));
  EXPECT_THAT(MistakesIn("[camera.door]\nsouce = \"x\"\n"),
              ElementsAre(HasSubstr("is camera.door.source meant?")));
  EXPECT_THAT(MistakesIn("[colour]\nred = 1\n"),
              ElementsAre(HasSubstr("ocelli config example lists them")));
}

TEST_F(SettingsTest, AValueOfAnotherTypeIsNamed) {
  EXPECT_THAT(
      MistakesIn("[serve]\nport = \"http\"\ninsecure = 2\naddress = [\"a\", "
                 "\"b\"]\n"),
      ElementsAre(HasSubstr("serve.address is to be a text"),
                  HasSubstr("serve.insecure is to be true or false"),
                  HasSubstr("serve.port is to be a whole number")));
}

TEST_F(SettingsTest, TheSchemaKnowsEverySetting) {
  const auto schema = nlohmann::json::parse(SettingsSchema());
  const auto& serve = schema["properties"]["serve"];
  EXPECT_EQ(serve["properties"]["port"]["type"], "integer");
  EXPECT_EQ(serve["properties"]["port"]["default"], 8080);
  EXPECT_EQ(serve["additionalProperties"], false);
  const auto& camera =
      schema["properties"]["camera"]["additionalProperties"]["properties"];
  EXPECT_EQ(camera["effects"]["type"], "array");
  EXPECT_EQ(schema["properties"]["redis"]["properties"]["groups"]
                  ["additionalProperties"]["type"],
            "string");
}

TEST_F(SettingsTest, CamerasAreReadByName) {
  Load(R"([serve]
port = 0
hosts = ["a.example", "b.example"]
[camera.door]
source = "test:"
effects = ["beauty", "anonymize:who=unknown"]
[camera.yard]
source = "test:"
archive = "dir:frames"
archive_options = ["--fps=2"]
)");
  const auto settings = ReadServeSettings(config_);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->port, 0);
  EXPECT_THAT(settings->hosts, ElementsAre("a.example", "b.example"));
  ASSERT_EQ(settings->cameras.size(), 2u);
  EXPECT_EQ(settings->cameras[0].video.name, "door");
  EXPECT_THAT(settings->cameras[0].video.effects,
              ElementsAre("beauty", "anonymize:who=unknown"));
  EXPECT_EQ(settings->cameras[1].archive_to, "dir:frames");
  EXPECT_THAT(ServeMistakes(*settings), IsEmpty());
}

TEST_F(SettingsTest, WhatCannotBeMeantIsSaid) {
  Load(R"([serve]
address = "example.org"
certificate = "none.pem"
[camera.door]
effects = ["shrink"]
[camera."no name"]
source = "test:"
archive_options = ["--fsp=2"]
)");
  const auto settings = ReadServeSettings(config_);
  ASSERT_TRUE(settings);
  EXPECT_THAT(
      ServeMistakes(*settings),
      ElementsAre(HasSubstr("not example.org"), HasSubstr("needed together"),
                  HasSubstr("no such file: none.pem"),
                  HasSubstr("camera.door.source is missing"),
                  HasSubstr("camera.door.effects: "),
                  HasSubstr("camera.no name: "),
                  HasSubstr("camera.no name.archive_options: "),
                  HasSubstr("camera.no name.archive is missing")));
}

TEST_F(SettingsTest, NumbersOutOfRangeAreRefused) {
  Load("[serve]\nport = 70000\n");
  EXPECT_EQ(ReadServeSettings(config_).error().message,
            "serve.port is to be from 0 to 65535, not 70000");
}

TEST(IsLoopbackTest, KnowsThisMachineOnly) {
  for (const char* address : {"127.0.0.1", "127.9.9.9", "::1"}) {
    EXPECT_TRUE(IsLoopback(address)) << address;
  }
  for (const char* address :
       {"0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "localhost", ""}) {
    EXPECT_FALSE(IsLoopback(address)) << address;
  }
}

}  // namespace
}  // namespace ocelli
