#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/result.h"
#include "store/s3_signer.h"

namespace ocelli {

// A variable of the environment; "" where it is not set.
using Environment = std::function<std::string(const std::string& name)>;

Environment ProcessEnvironment();

// What the environment and the profile files say, as every tool reads them:
// AWS_ACCESS_KEY_ID and its like before the profile (AWS_PROFILE, "default") in
// AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE, by default those in ~/.aws.
// Source: "Configuration and credential file settings" and "Environment
// variables" in the AWS CLI user guide.
struct AwsSettings {
  AwsCredentials credentials;
  std::string region;              // "" where nothing says it.
  std::string endpoint;            // Likewise.
  std::string ca_file;             // Likewise.
  std::optional<bool> path_style;  // By the profile's s3.addressing_style.
};

// kPermissionDenied: no credentials, with where they were looked for, never
// with what was found.
Result<AwsSettings> ReadAwsSettings(const Environment& environment);

}  // namespace ocelli
