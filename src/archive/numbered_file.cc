#include "archive/numbered_file.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <system_error>

namespace ocelli {
namespace {

constexpr std::size_t kDigits = 12;

}  // namespace

std::string NumberedName(std::uint64_t number, std::string_view suffix) {
  const std::string digits = std::to_string(number);
  std::string name(kDigits - std::min(kDigits, digits.size()), '0');
  return name.append(digits).append(suffix);
}

std::optional<std::uint64_t> NumberOfName(std::string_view name,
                                          std::string_view suffix) {
  if (name.size() != kDigits + suffix.size() || !name.ends_with(suffix)) {
    return std::nullopt;
  }
  std::uint64_t number = 0;
  const char* const end = name.data() + kDigits;
  const auto [stopped, error] = std::from_chars(name.data(), end, number);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

}  // namespace ocelli
