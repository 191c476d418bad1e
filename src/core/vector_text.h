#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace ocelli {

// Appends the numbers of a vector written as text: "0.1 0.2", "0.1,0.2",
// "[0.1, -2e-3\n .5]". Commas, semicolons and blanks of all kinds separate, and
// one pair of brackets may stand around. Rounded to the nearest float; what is
// too large for one becomes infinite, and nan and inf are read: the caller
// refuses them where they can't be. On failure `values` has what it had.
// kInvalidArgument naming what is no number, or for one beyond a double's
// range; kResourceExhausted past `max_values`.
Result<> AppendVector(std::string_view text, std::size_t max_values,
                      std::vector<float>& values);

}  // namespace ocelli
