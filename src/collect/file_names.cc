#include "collect/file_names.h"

#include <algorithm>
#include <array>

#include "core/ascii.h"

namespace ocelli {
namespace {

constexpr std::size_t kLongest = 120;

bool IsContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// Cut at the end of a character, before `most` bytes.
std::string_view Cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && IsContinuation(text[most])) --most;
  return text.substr(0, most);
}

// "con", "com1.txt": kept for devices, whatever follows the first dot.
bool IsDevice(std::string_view name) {
  const std::string stem = LowerCase(name.substr(0, name.find('.')));
  constexpr std::array<std::string_view, 4> kDevices = {"con", "prn", "aux",
                                                        "nul"};
  if (std::find(kDevices.begin(), kDevices.end(), stem) != kDevices.end()) {
    return true;
  }
  return stem.size() == 4 &&
         (stem.starts_with("com") || stem.starts_with("lpt")) &&
         stem[3] >= '0' && stem[3] <= '9';
}

// C1 controls, and marks that turn the direction of text around or show
// nothing: U+0080-9F, U+200B-200F, U+2028-202E, U+2060-2069, U+FEFF. Their
// length, or 0.
std::size_t InvisibleAt(std::string_view text) {
  if (text.size() < 2) return 0;
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  if (byte(0) == 0xC2 && byte(1) < 0xA0) return 2;
  const bool general =
      byte(0) == 0xE2 &&
      ((byte(1) == 0x80 && ((byte(2) >= 0x8B && byte(2) <= 0x8F) ||
                            (byte(2) >= 0xA8 && byte(2) <= 0xAE))) ||
       (byte(1) == 0x81 && byte(2) >= 0xA0 && byte(2) <= 0xA9));
  const bool mark = byte(0) == 0xEF && byte(1) == 0xBB && byte(2) == 0xBF;
  return general || mark ? 3 : 0;
}

void TrimEnds(std::string& name) {
  constexpr std::string_view kBad = " .";
  name.erase(0, std::min(name.find_first_not_of(kBad), name.size()));
  const std::size_t last = name.find_last_not_of(kBad);
  name.resize(last == name.npos ? 0 : last + 1);
}

}  // namespace

std::string SafeFileName(std::string_view text) {
  constexpr std::string_view kForbidden = "/\\:*?\"<>|";
  std::string name;
  while (!text.empty()) {
    if (const std::size_t length = InvisibleAt(text)) {
      text.remove_prefix(length);
      continue;
    }
    const char c = text[0];
    text.remove_prefix(1);
    const bool bad = (c >= '\0' && c < ' ') || c == '\x7f' ||
                     kForbidden.find(c) != kForbidden.npos;
    name += bad ? '-' : c;
  }
  TrimEnds(name);
  name = Cut(name, kLongest);
  TrimEnds(name);
  if (name.empty()) return "image";
  if (IsDevice(name)) name.insert(std::min(name.find('.'), name.size()), "_");
  return name;
}

std::string FileNames::Choose(std::string_view text) {
  const std::string base = SafeFileName(text);
  std::string name = base;
  for (int n = 2; !taken_.insert(LowerCase(name)).second; ++n) {
    name = base + " " + std::to_string(n);
  }
  return name;
}

}  // namespace ocelli
