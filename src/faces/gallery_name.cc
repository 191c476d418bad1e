#include "faces/gallery_name.h"

#include <optional>

namespace ocelli {
namespace {

constexpr std::size_t kMaxNameBytes = 200;

// Takes one code point off the front of `text`; none where it does not begin
// with a whole, shortest-form one that Unicode allows (RFC 3629).
std::optional<char32_t> TakeCodePoint(std::string_view& text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const unsigned first = byte(0);
  const std::size_t length = first < 0x80             ? 1
                             : (first & 0xe0) == 0xc0 ? 2
                             : (first & 0xf0) == 0xe0 ? 3
                             : (first & 0xf8) == 0xf0 ? 4
                                                      : 0;
  if (length == 0 || text.empty()) return std::nullopt;
  char32_t code = length == 1 ? first : first & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return std::nullopt;
    code = code << 6 | (byte(i) & 0x3f);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kSmallest[length] || code > 0x10ffff ||
      (code >= 0xd800 && code <= 0xdfff)) {
    return std::nullopt;
  }
  text.remove_prefix(length);
  return code;
}

// C0, DEL, C1, the line and paragraph separators, and the marks that turn the
// direction of what is printed after them.
bool IsControl(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) ||
         (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

char32_t Lower(char32_t c) {
  if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7) ||
      (c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f)) {
    return c + 0x20;
  }
  if (c >= 0x400 && c <= 0x40f) return c + 0x50;
  // Latin Extended-A pairs upper and lower case; two runs begin at odd codes.
  const bool odd = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e);
  if (c >= 0x100 && c <= 0x17e && c != 0x130 && c != 0x131 && c != 0x138 &&
      c != 0x149 && c != 0x178) {
    return odd ? c + (c & 1) : c | 1;
  }
  return c;
}

void AppendUtf8(char32_t code, std::string& text) {
  const auto add = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) return add(code);
  if (code < 0x800) {
    add(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      add(0xe0 | code >> 12);
    } else {
      add(0xf0 | code >> 18);
      add(0x80 | (code >> 12 & 0x3f));
    }
    add(0x80 | (code >> 6 & 0x3f));
  }
  add(0x80 | (code & 0x3f));
}

}  // namespace

Result<> CheckPersonName(std::string_view name) {
  if (name.empty()) return Fail(ErrorCode::kInvalidArgument, "an empty name");
  if (name.size() > kMaxNameBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                "a name of " + std::to_string(name.size()) +
                    " bytes; the longest has " + std::to_string(kMaxNameBytes));
  }
  for (std::string_view rest = name; !rest.empty();) {
    const auto code = TakeCodePoint(rest);
    if (!code) {
      return Fail(ErrorCode::kInvalidArgument, "a name that is not UTF-8");
    }
    if (IsControl(*code)) {
      return Fail(ErrorCode::kInvalidArgument,
                  "a name with a control character");
    }
  }
  if (name.front() == ' ' || name.back() == ' ') {
    return Fail(ErrorCode::kInvalidArgument,
                "a name with a space at an end: \"" + std::string(name) + "\"");
  }
  return {};
}

std::string FoldCase(std::string_view name) {
  std::string folded;
  while (const auto code = TakeCodePoint(name)) {
    AppendUtf8(Lower(*code), folded);
  }
  return folded;
}

}  // namespace ocelli
