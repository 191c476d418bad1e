#include "cli/country_names.h"

#include <nlohmann/json.hpp>

#include "core/file.h"

namespace ocelli {

Result<CountryNames> CountryNames::Read(const std::filesystem::path& file) {
  constexpr std::uint64_t kMost = 1 << 20;
  const auto bytes = ReadFileLimited(file, kMost);
  if (!bytes) return bytes.Failure();
  const auto* const text = reinterpret_cast<const char*>(bytes->data());
  const auto json =
      nlohmann::json::parse(text, text + bytes->size(), nullptr, false);
  if (!json.is_object()) {
    return Fail(ErrorCode::kDataLoss, file.string() + " is no list of names");
  }
  CountryNames countries;
  for (const auto& [code, name] : json.items()) {
    if (name.is_string()) countries.names_[code] = name.get<std::string>();
  }
  return countries;
}

std::string CountryNames::Of(const std::string& code) const {
  std::string capitals = code;
  for (char& c : capitals) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  const auto name = names_.find(capitals);
  return name == names_.end() ? code : name->second;
}

}  // namespace ocelli
