#include "store/aws_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <map>

#include "core/file.h"
#include "store/aws_profile.h"

namespace ocelli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class AwsSettingsTest : public testing::Test {
 protected:
  AwsSettingsTest() {
    std::string pattern = testing::TempDir() + "ocelli-aws-XXXXXX";
    home_ = mkdtemp(pattern.data());
    std::filesystem::create_directory(home_ / ".aws");
    variables_["HOME"] = home_.string();
  }
  ~AwsSettingsTest() override { std::filesystem::remove_all(home_); }

  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(WriteFileAtomically(home_ / ".aws" / name, text));
  }
  Result<AwsSettings> Read() const {
    return ReadAwsSettings([this](const std::string& name) {
      const auto found = variables_.find(name);
      return found == variables_.end() ? std::string() : found->second;
    });
  }

  std::filesystem::path home_;
  std::map<std::string, std::string> variables_;
};

TEST_F(AwsSettingsTest, VariablesComeBeforeTheProfile) {
  Write("credentials",
        "[default]\naws_access_key_id=A\naws_secret_access_key=B\n");
  Write("config", "[default]\nregion = eu-west-1\nendpoint_url=http://file\n");
  variables_["AWS_ACCESS_KEY_ID"] = "key";
  variables_["AWS_SECRET_ACCESS_KEY"] = "secret";
  variables_["AWS_SESSION_TOKEN"] = "token";
  variables_["AWS_DEFAULT_REGION"] = "us-east-2";
  variables_["AWS_ENDPOINT_URL"] = "http://all";
  variables_["AWS_CA_BUNDLE"] = "/ca.pem";
  auto settings = Read();
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->credentials.access_key, "key");
  EXPECT_EQ(settings->credentials.secret_key, "secret");
  EXPECT_EQ(settings->credentials.session_token, "token");
  EXPECT_EQ(settings->region, "us-east-2");
  EXPECT_EQ(settings->endpoint, "http://all");
  EXPECT_EQ(settings->ca_file, "/ca.pem");

  variables_["AWS_REGION"] = "us-west-1";
  variables_["AWS_ENDPOINT_URL_S3"] = "http://s3";
  settings = Read();
  EXPECT_EQ(settings->region, "us-west-1");
  EXPECT_EQ(settings->endpoint, "http://s3");
}

TEST_F(AwsSettingsTest, TheProfileIsReadFromBothFiles) {
  Write("credentials",
        "# keys\n[robot]\naws_access_key_id = A\r\naws_secret_access_key = "
        "B/+#=\naws_session_token = C ; until noon\n[other]\n"
        "aws_access_key_id=X\n");
  Write("config",
        "[profile  robot]\nregion=eu-central-1\nendpoint_url = https://r\ns3 "
        "=\n    addressing_style = path\n    max_queue_size = 5\nca_bundle = "
        "/robot.pem\n[robot]\nregion=wrong\n");
  variables_["AWS_PROFILE"] = "robot";
  const auto settings = Read();
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->credentials.access_key, "A");
  EXPECT_EQ(settings->credentials.secret_key, "B/+#=");
  EXPECT_EQ(settings->credentials.session_token, "C");
  EXPECT_EQ(settings->region, "eu-central-1");
  EXPECT_EQ(settings->endpoint, "https://r");
  EXPECT_EQ(settings->ca_file, "/robot.pem");
  EXPECT_EQ(settings->path_style, true);
}

TEST_F(AwsSettingsTest, KeysMayBeInTheConfigFile) {
  variables_["AWS_CONFIG_FILE"] = "~/elsewhere";
  ASSERT_TRUE(WriteFileAtomically(
      home_ / "elsewhere",
      "[default]\naws_access_key_id=A\naws_secret_access_key=B\n"));
  const auto settings = Read();
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->credentials.access_key, "A");
}

TEST_F(AwsSettingsTest, AServicesSectionNamesTheEndpointOfS3) {
  Write("config",
        "[default]\naws_access_key_id=A\naws_secret_access_key=B\n"
        "services = local\nendpoint_url = http://all\n[services local]\n"
        "ec2 =\n  endpoint_url = http://ec2\ns3 =\n  endpoint_url = "
        "http://s3\n");
  EXPECT_EQ(Read().value().endpoint, "http://s3");
}

TEST_F(AwsSettingsTest, WithoutCredentialsItSaysWhereItLooked) {
  const auto settings = Read();
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(settings.error().message,
              AllOf(HasSubstr("AWS_ACCESS_KEY_ID"), HasSubstr("default"),
                    HasSubstr((home_ / ".aws/credentials").string()),
                    HasSubstr((home_ / ".aws/config").string())));
}

TEST_F(AwsSettingsTest, WithoutAHomeTheFolderItRunsInIsNotRead) {
  variables_.erase("HOME");
  EXPECT_THAT(Read().error().message, HasSubstr(" ~/.aws/credentials"));
}

TEST_F(AwsSettingsTest, AProfileThatIsNotThereIsNamed) {
  variables_["AWS_PROFILE"] = "robto";
  EXPECT_THAT(Read().error().message, HasSubstr("there is no profile robto"));
}

TEST_F(AwsSettingsTest, HalfOfAKeyPairIsToldWithoutShowingIt) {
  variables_["AWS_SECRET_ACCESS_KEY"] = "swordfish";
  EXPECT_THAT(Read().error().message,
              AllOf(HasSubstr("only one"), Not(HasSubstr("swordfish"))));
  variables_["AWS_ACCESS_KEY_ID"] = "key\r\nX-Evil: 1";
  EXPECT_THAT(Read().error().message,
              AllOf(HasSubstr("blank"), Not(HasSubstr("Evil")),
                    Not(HasSubstr("swordfish"))));
}

TEST_F(AwsSettingsTest, OtherWaysToCredentialsAreNamed) {
  Write("config", "[default]\ncredential_process = /bin/keys\n");
  EXPECT_THAT(Read().error().message, HasSubstr("credential_process"));
}

TEST(ParseAwsProfileFile, SkipsWhatItDoesNotKnow) {
  const auto file = ParseAwsProfileFile(
      "stray = 1\n[broken\nlost = 1\n[a]\nno value\n = \nKey=V=W\n  [b]\nx=1");
  EXPECT_EQ(AwsSetting(file, "a", "key"), "V=W");
  EXPECT_EQ(AwsSetting(file, "a", "x"), "1");
  EXPECT_EQ(AwsSetting(file, "b", "x"), "");
  EXPECT_TRUE(ParseAwsProfileFile("").empty());
}

}  // namespace
}  // namespace ocelli
