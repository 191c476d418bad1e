#include "core/config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <charconv>

#include "core/parse_number.h"

namespace ocelli {
namespace {

// "cache.max_bytes" is set by OCELLI_CACHE_MAX_BYTES.
std::string VariableName(std::string_view key) {
  std::string name = "OCELLI_";
  for (const char c : key) {
    if (c >= 'a' && c <= 'z') {
      name += static_cast<char>(c - 'a' + 'A');
    } else {
      name += c == '.' || c == '-' ? '_' : c;
    }
  }
  return name;
}

constexpr char kNoValue[] =
    " is not a text, a number, true, false or a list of such";

std::string Place(const std::filesystem::path& file,
                  const toml::source_region& region) {
  return file.string() + ":" + std::to_string(region.begin.line) + ":" +
         std::to_string(region.begin.column);
}

// What a setting is written like, whichever layer it comes from.
std::optional<std::string> ScalarText(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* truth = node.as_boolean()) {
    return truth->get() ? "true" : "false";
  }
  if (const auto* whole = node.as_integer()) {
    return std::to_string(whole->get());
  }
  if (const auto* real = node.as_floating_point()) {
    char text[32];  // The shortest form of a double needs 24.
    return std::string(text, std::to_chars(text, text + 32, real->get()).ptr);
  }
  return std::nullopt;
}

// A list is its values, one a line.
std::optional<std::string> ValueText(const toml::node& node) {
  const toml::array* list = node.as_array();
  if (!list) return ScalarText(node);
  std::string lines;
  for (const toml::node& value : *list) {
    const auto text = ScalarText(value);
    if (!text || text->find('\n') != text->npos) return std::nullopt;
    lines += (lines.empty() ? "" : "\n") + *text;
  }
  return lines;
}

Error NotA(const char* kind, std::string_view key, const std::string& value,
           const std::string& origin) {
  return {ErrorCode::kInvalidArgument, std::string(key) + " is not " + kind +
                                           ": '" + value + "' (" + origin +
                                           ")"};
}

Result<toml::table> ParseToml(const std::filesystem::path& file) {
  std::error_code status;
  if (!std::filesystem::is_regular_file(file, status)) {
    return Fail(ErrorCode::kNotFound,
                "no configuration file: " + file.string());
  }
  toml::parse_result parsed = toml::parse_file(file.string());
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return Fail(
        ErrorCode::kInvalidArgument,
        Place(file, error.source()) + ": " + std::string(error.description()));
  }
  return std::move(parsed).table();
}

// The values of one table, which has no other in it.
Result<ConfigSection> SectionOf(const std::filesystem::path& file,
                                const toml::node& node, std::string name) {
  ConfigSection section{std::move(name), Place(file, node.source()), {}};
  const toml::table* table = node.as_table();
  if (!table) {
    return Fail(ErrorCode::kInvalidArgument,
                section.origin + ": a table is wanted here");
  }
  for (const auto& [key, value] : *table) {
    auto text = ValueText(value);
    if (!text) {
      return Fail(ErrorCode::kInvalidArgument,
                  Place(file, value.source()) + ": " + std::string(key.str()) +
                      kNoValue);
    }
    section.values[std::string(key.str())] = *std::move(text);
  }
  return section;
}

}  // namespace

Result<ConfigSections> LoadConfigSections(const std::filesystem::path& file,
                                          std::string_view kind) {
  const auto parsed = ParseToml(file);
  if (!parsed) return parsed.Failure();
  toml::table rest = *parsed;
  rest.erase(kind);
  auto shared = SectionOf(file, rest, "");
  if (!shared) return shared.Failure();
  ConfigSections found{*std::move(shared), {}};
  const auto add = [&](const toml::node& node, std::string name) -> Result<> {
    auto section = SectionOf(file, node, std::move(name));
    if (!section) return section.Failure();
    found.sections.push_back(*std::move(section));
    return {};
  };
  const toml::node* all = parsed->get(kind);
  if (!all) return found;
  if (const toml::array* list = all->as_array()) {
    for (const toml::node& node : *list) {
      if (auto added = add(node, ""); !added) return added.Failure();
    }
  } else if (const toml::table* named = all->as_table()) {
    for (const auto& [name, node] : *named) {
      if (auto added = add(node, std::string(name.str())); !added) {
        return added.Failure();
      }
    }
  } else {
    return Fail(ErrorCode::kInvalidArgument,
                Place(file, all->source()) + ": " + std::string(kind) +
                    " is a table [" + std::string(kind) +
                    ".NAME] or a list [[" + std::string(kind) + "]]");
  }
  return found;
}

Result<> Config::LoadFile(const std::filesystem::path& file) {
  const auto parsed = ParseToml(file);
  if (!parsed) return parsed.Failure();
  std::map<std::string, Setting, std::less<>> settings;
  std::optional<Error> problem;
  const auto flatten = [&](const auto& self, const toml::table& table,
                           const std::string& prefix) -> void {
    for (const auto& [name, node] : table) {
      const std::string key = prefix + std::string(name.str());
      if (const toml::table* inner = node.as_table()) {
        self(self, *inner, key + ".");
      } else if (auto text = ValueText(node)) {
        settings[key] = {*std::move(text), Place(file, node.source())};
      } else if (!problem) {
        problem = {ErrorCode::kInvalidArgument,
                   Place(file, node.source()) + ": " + key + kNoValue};
      }
    }
  };
  flatten(flatten, *parsed, "");
  if (problem) return tl::unexpected(*std::move(problem));
  file_ = std::move(settings);
  return {};
}

void Config::LoadEnvironment(const char* const* environment) {
  environment_.clear();
  for (; *environment; ++environment) {
    const std::string_view entry = *environment;
    const auto equals = entry.find('=');
    if (!entry.starts_with("OCELLI_") || equals == entry.npos) continue;
    const std::string name(entry.substr(0, equals));
    environment_[name] = {std::string(entry.substr(equals + 1)), name};
  }
}

void Config::SetFlag(std::string key, std::string value) {
  std::string origin = "--" + key;
  flags_[std::move(key)] = {std::move(value), std::move(origin)};
}

const Config::Setting* Config::Find(std::string_view key) const {
  if (const auto it = flags_.find(key); it != flags_.end()) return &it->second;
  const auto variable = environment_.find(VariableName(key));
  if (variable != environment_.end()) return &variable->second;
  if (const auto it = file_.find(key); it != file_.end()) return &it->second;
  return nullptr;
}

Result<std::string> Config::GetString(std::string_view key,
                                      std::string_view fallback) const {
  const Setting* setting = Find(key);
  return setting ? setting->value : std::string(fallback);
}

Result<std::int64_t> Config::GetInt(std::string_view key,
                                    std::int64_t fallback) const {
  const Setting* setting = Find(key);
  if (!setting) return fallback;
  if (const auto whole = ParseNumber<std::int64_t>(setting->value)) {
    return *whole;
  }
  return tl::unexpected(
      NotA("a whole number", key, setting->value, setting->origin));
}

Result<double> Config::GetDouble(std::string_view key, double fallback) const {
  const Setting* setting = Find(key);
  if (!setting) return fallback;
  if (const auto real = ParseNumber<double>(setting->value)) return *real;
  return tl::unexpected(NotA("a number", key, setting->value, setting->origin));
}

std::vector<std::string> Config::GetList(std::string_view key) const {
  std::vector<std::string> list;
  const Setting* setting = Find(key);
  std::string_view rest = setting ? setting->value : std::string_view();
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (end > 0) list.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return list;
}

std::vector<ConfigEntry> Config::FileEntries() const {
  std::vector<ConfigEntry> entries;
  for (const auto& [key, setting] : file_) {
    entries.push_back({key, setting.value, setting.origin});
  }
  return entries;
}

Result<bool> Config::GetBool(std::string_view key, bool fallback) const {
  const Setting* setting = Find(key);
  if (!setting) return fallback;
  if (setting->value == "true" || setting->value == "1") return true;
  if (setting->value == "false" || setting->value == "0") return false;
  return tl::unexpected(
      NotA("true or false", key, setting->value, setting->origin));
}

}  // namespace ocelli
