#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace ocelli {

// kInvalidArgument unless `name` is what Gallery takes for one.
Result<> CheckPersonName(std::string_view name);

// `name` in lower case, to find names that differ in nothing else: Latin,
// Greek and Cyrillic. `name` is UTF-8.
std::string FoldCase(std::string_view name);

}  // namespace ocelli
