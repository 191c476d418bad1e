#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/http_message.h"

namespace ocelli {

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);
// %XX as bytes. Nothing where a % is not followed by two hex digits, or the
// result is not UTF-8 or holds a zero byte.
std::optional<std::string> PercentDecode(std::string_view text);
// A query string; '+' is a space. Nothing as above.
std::optional<HttpFields> ParseQuery(std::string_view query);

}  // namespace ocelli
