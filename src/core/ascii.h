#pragma once

#include <string>
#include <string_view>

namespace ocelli {

// A to Z in lower case, whatever the locale; all other bytes as they are.
inline std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace ocelli
