#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "core/result.h"

namespace ocelli {

// The names of countries by the codes that npm svg-country-flags calls its
// pictures by.
class CountryNames {
 public:
  // Its countries.json.
  static Result<CountryNames> Read(const std::filesystem::path& file);

  // "Chad" of "td"; the code itself where it has no name.
  std::string Of(const std::string& code) const;

 private:
  std::map<std::string, std::string> names_;  // By the code in capitals.
};

}  // namespace ocelli
