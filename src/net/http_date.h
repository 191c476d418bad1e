#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace ocelli {

// "Wed, 21 Oct 2015 07:28:00 GMT": IMF-fixdate of RFC 9110, 5.6.7. None: it is
// none.
std::optional<std::chrono::system_clock::time_point> ParseHttpDate(
    std::string_view text);

}  // namespace ocelli
