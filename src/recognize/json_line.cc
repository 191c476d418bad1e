#include "recognize/json_line.h"

namespace ocelli {
namespace {

// Bytes of the UTF-8 character that `text` begins with; 0 where it begins with
// none (RFC 3629: shortest forms only, no surrogates, up to U+10FFFF).
std::size_t Utf8Length(std::string_view text) {
  const auto follows = [&](std::size_t i, unsigned low = 0x80,
                           unsigned high = 0xBF) {
    if (i >= text.size()) return false;
    const unsigned byte = static_cast<unsigned char>(text[i]);
    return byte >= low && byte <= high;
  };
  const unsigned first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

JsonLine& JsonLine::Value(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  Comma();
  line_ += '"';
  while (!text.empty()) {
    const unsigned char first = static_cast<unsigned char>(text[0]);
    const std::size_t length = Utf8Length(text);
    if (length == 0) {
      line_ += "\\ufffd";
    } else if (first == '"' || first == '\\') {
      line_ += '\\';
      line_ += text[0];
    } else if (first < 0x20) {
      line_ += "\\u00";
      line_ += kHex[first >> 4];
      line_ += kHex[first & 15];
    } else {
      line_ += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  line_ += '"';
  return *this;
}

}  // namespace ocelli
