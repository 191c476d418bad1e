#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace ocelli {

// One setting of a file.
struct ConfigEntry {
  std::string key;     // "cache.max_bytes".
  std::string value;   // A list: one a line.
  std::string origin;  // "ocelli.toml:3:1".
};

// Settings by dotted key ("cache.max_bytes"), from four layers: defaults in
// the code < a TOML file < OCELLI_CACHE_MAX_BYTES in the environment < flags.
class Config {
 public:
  // kInvalidArgument says line and column of a TOML mistake.
  Result<> LoadFile(const std::filesystem::path& file);
  // Every OCELLI_* of `environment` (NAME=VALUE, ends with null).
  void LoadEnvironment(const char* const* environment);
  void SetFlag(std::string key, std::string value);

  // The highest layer's value, or `fallback` where none has one.
  // kInvalidArgument names the key, the value and where it was set.
  Result<std::string> GetString(std::string_view key,
                                std::string_view fallback) const;
  Result<std::int64_t> GetInt(std::string_view key,
                              std::int64_t fallback) const;
  Result<double> GetDouble(std::string_view key, double fallback) const;
  Result<bool> GetBool(std::string_view key, bool fallback) const;
  // What a file has as ["a", "b"], the environment and flags one a line.
  std::vector<std::string> GetList(std::string_view key) const;

  // Everything that the file says, by key: what checks it.
  std::vector<ConfigEntry> FileEntries() const;

 private:
  struct Setting {
    std::string value;
    std::string origin;  // "ocelli.toml", "OCELLI_CACHE_MAX_BYTES", "--flag".
  };
  const Setting* Find(std::string_view key) const;

  std::map<std::string, Setting, std::less<>> file_;
  std::map<std::string, Setting, std::less<>> environment_;
  std::map<std::string, Setting, std::less<>> flags_;
};

// One table of a file that has several of a kind. A list is its values, one a
// line.
struct ConfigSection {
  std::string name;    // Of [camera.NAME]; else empty.
  std::string origin;  // "cameras.toml:3:1".
  std::map<std::string, std::string, std::less<>> values;
};
struct ConfigSections {
  ConfigSection shared;  // What stands above all tables.
  std::vector<ConfigSection> sections;
};
// The tables [kind.NAME], by name, or [[kind]], in their order. kNotFound,
// kInvalidArgument: what there is besides, with its place.
Result<ConfigSections> LoadConfigSections(const std::filesystem::path& file,
                                          std::string_view kind);

}  // namespace ocelli
