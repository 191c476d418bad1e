#include "store/aws_settings.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <utility>

#include "store/aws_profile.h"

namespace ocelli {
namespace {

std::string FirstSet(const Environment& environment,
                     std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (std::string value = environment(name); !value.empty()) return value;
  }
  return {};
}

// The two profile files as one.
struct Profile {
  std::string name;
  bool named = false;  // AWS_PROFILE asks for it.
  std::filesystem::path credentials_path;
  std::filesystem::path config_path;
  AwsProfileFile credentials;
  AwsProfileFile config;

  std::string ConfigSection() const {
    return name == "default" ? name : "profile " + name;
  }
  bool Exists() const {
    return credentials.contains(name) || config.contains(ConfigSection());
  }
  std::string Setting(const std::string& setting) const {
    const std::string value = AwsSetting(credentials, name, setting);
    return value.empty() ? AwsSetting(config, ConfigSection(), setting) : value;
  }
  // "profile robot in /home/x/.aws/credentials or /home/x/.aws/config"
  std::string ForMessage() const {
    return "profile " + name + " in " + credentials_path.string() + " or " +
           config_path.string();
  }
};

Result<Profile> ReadProfile(const Environment& environment) {
  Profile profile;
  profile.name = FirstSet(environment, {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"});
  profile.named = !profile.name.empty();
  if (!profile.named) profile.name = "default";
  const std::string home = environment("HOME");
  const auto path = [&](const char* variable, const char* usual) {
    std::string given = environment(variable);
    if (given.empty()) given = std::string("~/.aws/") + usual;
    if (given.starts_with("~/") && !home.empty()) given.replace(0, 1, home);
    return std::filesystem::path(given);
  };
  profile.credentials_path = path("AWS_SHARED_CREDENTIALS_FILE", "credentials");
  profile.config_path = path("AWS_CONFIG_FILE", "config");
  const std::pair<const std::filesystem::path&, AwsProfileFile&> files[] = {
      {profile.credentials_path, profile.credentials},
      {profile.config_path, profile.config}};
  for (const auto& [from, into] : files) {
    auto file = ReadAwsProfileFile(from);
    if (!file) return file.Failure();
    if (*file) into = std::move(**file);
  }
  return profile;
}

// Other ways to credentials that a profile may ask for; not ours.
Result<> CheckNoOtherWay(const Profile& profile) {
  for (const char* setting :
       {"credential_process", "sso_session", "sso_start_url", "role_arn",
        "web_identity_token_file"}) {
    if (profile.Setting(setting).empty()) continue;
    return Fail(ErrorCode::kPermissionDenied,
                profile.ForMessage() + " gets its credentials by " + setting +
                    ", which ocelli does not know: set AWS_ACCESS_KEY_ID, "
                    "AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, as `aws "
                    "configure export-credentials --format env` prints them");
  }
  return {};
}

Result<AwsCredentials> FindCredentials(const Environment& environment,
                                       const Profile& profile) {
  AwsCredentials found{environment("AWS_ACCESS_KEY_ID"),
                       environment("AWS_SECRET_ACCESS_KEY"),
                       environment("AWS_SESSION_TOKEN"),
                       "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"};
  if (found.access_key.empty() && found.secret_key.empty()) {
    if (profile.named && !profile.Exists()) {
      return Fail(ErrorCode::kPermissionDenied,
                  "there is no " + profile.ForMessage());
    }
    found = {profile.Setting("aws_access_key_id"),
             profile.Setting("aws_secret_access_key"),
             profile.Setting("aws_session_token"), profile.ForMessage()};
  }
  if (found.access_key.empty() && found.secret_key.empty()) {
    if (const auto none = CheckNoOtherWay(profile); !none) {
      return none.Failure();
    }
    return Fail(ErrorCode::kPermissionDenied,
                "no credentials for S3: neither AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY are set, nor is there a " +
                    profile.ForMessage() + " that has them");
  }
  if (found.access_key.empty() || found.secret_key.empty()) {
    return Fail(ErrorCode::kPermissionDenied,
                "credentials for S3: only one of the access key and its secret "
                "is in " +
                    found.origin);
  }
  // They become lines of a request.
  for (const std::string* part :
       {&found.access_key, &found.secret_key, &found.session_token}) {
    if (std::any_of(part->begin(), part->end(), [](char c) {
          return static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
        })) {
      return Fail(ErrorCode::kPermissionDenied,
                  "credentials for S3: a blank or control character is in "
                  "those of " +
                      found.origin);
    }
  }
  return found;
}

}  // namespace

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::string {
    const char* value = std::getenv(name.c_str());
    return value ? value : "";
  };
}

Result<AwsSettings> ReadAwsSettings(const Environment& environment) {
  const auto profile = ReadProfile(environment);
  if (!profile) return profile.Failure();
  auto credentials = FindCredentials(environment, *profile);
  if (!credentials) return credentials.Failure();

  AwsSettings settings;
  settings.credentials = std::move(*credentials);
  settings.region = FirstSet(environment, {"AWS_REGION", "AWS_DEFAULT_REGION"});
  if (settings.region.empty()) settings.region = profile->Setting("region");
  settings.endpoint =
      FirstSet(environment, {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  if (settings.endpoint.empty()) {
    settings.endpoint =
        AwsSetting(profile->config, "services " + profile->Setting("services"),
                   "s3.endpoint_url");
  }
  if (settings.endpoint.empty()) {
    settings.endpoint = profile->Setting("endpoint_url");
  }
  settings.ca_file = environment("AWS_CA_BUNDLE");
  if (settings.ca_file.empty()) {
    settings.ca_file = profile->Setting("ca_bundle");
  }
  const std::string style = profile->Setting("s3.addressing_style");
  if (style == "path") settings.path_style = true;
  if (style == "virtual") settings.path_style = false;
  return settings;
}

}  // namespace ocelli
