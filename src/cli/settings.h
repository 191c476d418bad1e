#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.h"
#include "core/result.h"

namespace ocelli {

// One setting that a TOML file (--config), the environment or a flag can make.
struct SettingKind {
  enum class Type { kText, kWhole, kNumber, kTruth, kList };
  std::string_view key;  // "serve.port"; ".NAME." stands for any name.
  Type type = Type::kText;
  std::string_view fallback;  // As it would be written; empty: none.
  std::string_view help;      // One line.
  std::string_view example;   // Where the fallback shows too little.
};

// All there are, table by table; those of cameras are camera.NAME.*.
std::span<const SettingKind> Settings();

// What is wrong in a file of settings, each with its place: unknown keys (and
// what may have been meant), values of another type.
std::vector<std::string> SettingMistakes(const Config& config);

// A file with every setting, its meaning and what holds without it.
std::string SettingsExample();
// JSON Schema (2020-12) of such a file: editors complete and check by it.
std::string SettingsSchema();

}  // namespace ocelli
