#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ocelli {

// "000000000042.frames" of 42 and ".frames": sorted as its number is.
std::string NumberedName(std::uint64_t number, std::string_view suffix);

// The number of such a name; none of any other.
std::optional<std::uint64_t> NumberOfName(std::string_view name,
                                          std::string_view suffix);

}  // namespace ocelli
