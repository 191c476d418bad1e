#pragma once

#include <span>
#include <string_view>

namespace ocelli {

// The text of every models/*.toml of the source tree.
std::span<const std::string_view> BuiltinCards();

}  // namespace ocelli
