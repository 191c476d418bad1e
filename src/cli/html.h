#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace ocelli {

// What every report is made of: one page, with its style inside, that asks
// nothing of any network.

// Up to the body's first element.
std::string HtmlHead(std::string_view title);
// For text and for attributes in double quotes.
std::string HtmlEscaped(std::string_view text);
// A number that a report begins with; `value` is HTML already.
std::string HtmlFigure(const std::string& value, std::string_view label);
// A JPEG as an address that holds it.
std::string JpegDataUri(std::span<const std::byte> jpeg);

}  // namespace ocelli
