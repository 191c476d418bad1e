#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace ocelli {

// A profile file by section and setting: "profile robot", "region". Settings
// that are indented below one without a value are "s3.addressing_style".
using AwsProfileFile =
    std::map<std::string, std::map<std::string, std::string>>;

// Lines that are neither sections nor settings are skipped, as other tools do.
AwsProfileFile ParseAwsProfileFile(std::string_view text);

// None where there is no such file.
Result<std::optional<AwsProfileFile>> ReadAwsProfileFile(
    const std::filesystem::path& file);

// "" where there is no such section or setting.
std::string AwsSetting(const AwsProfileFile& file, const std::string& section,
                       const std::string& name);

}  // namespace ocelli
