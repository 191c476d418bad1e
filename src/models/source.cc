#include "models/source.h"

#include <algorithm>
#include <charconv>

#include "net/url.h"

namespace ocelli {
namespace {

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9');
}

// Begins with a letter or digit, and holds but those and `others`: it can be
// no option, path or address to the programs that it is given to.
bool IsWord(std::string_view text, std::string_view others) {
  return !text.empty() && IsAlphanumeric(text[0]) &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return IsAlphanumeric(c) || others.find(c) != others.npos;
         });
}

bool IsNpmName(std::string_view name) {
  if (name.starts_with('@')) {
    const std::size_t slash = name.find('/');
    return slash != name.npos && IsWord(name.substr(1, slash - 1), "._~-") &&
           IsWord(name.substr(slash + 1), "._~-");
  }
  return IsWord(name, "._~-");
}

bool IsInside(std::string_view path) {
  if (path.empty() || path.starts_with('/')) return false;
  while (true) {
    const std::size_t slash = path.find('/');
    if (path.substr(0, slash) == "..") return false;
    if (slash == path.npos) return true;
    path.remove_prefix(slash + 1);
  }
}

bool ParseNumber(std::string_view text, std::uint64_t& number) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end;
}

}  // namespace

Result<Source> ParseSource(std::string_view text) {
  const auto bad = [&](const char* expected) {
    return Fail(ErrorCode::kInvalidArgument,
                "'" + std::string(text) + "' is not of the form " + expected);
  };
  Source source;
  if (text.starts_with("https://") || text.starts_with("http://")) {
    const auto url = ParseUrl(text);
    if (!url) return url.Failure();
    if (const auto secure = CheckSecure(*url); !secure) {
      return Fail(ErrorCode::kInvalidArgument, secure.error().message);
    }
    source.kind = Source::Kind::kWeb;
    source.path = url->ToString();
    return source;
  }
  if (text.starts_with("file:")) {
    source.kind = Source::Kind::kFile;
    source.path = text.substr(5);
    if (!source.path.starts_with('/')) return bad("file:/ABSOLUTE/PATH");
    return source;
  }

  const bool npm = text.starts_with("npm:");
  if (!npm && !text.starts_with("deb:")) {
    return bad("npm:PACKAGE@VERSION!PATH, https://... or file:/PATH");
  }
  source.kind = npm ? Source::Kind::kNpm : Source::Kind::kDeb;
  const char* form =
      npm ? "npm:PACKAGE@VERSION!PATH[#FIRST-END]" : "deb:PACKAGE=VERSION!PATH";
  const std::size_t mark = text.find('!');
  if (mark == text.npos) return bad(form);
  const std::string_view package = text.substr(4, mark - 4);
  const std::size_t split = package.rfind(npm ? '@' : '=');
  if (split == package.npos) return bad(form);
  source.package = package.substr(0, split);
  source.version = package.substr(split + 1);
  const bool named =
      npm ? IsNpmName(source.package) && IsWord(source.version, ".+-")
          : IsWord(source.package, ".+-") && IsWord(source.version, ".+~:-");
  if (!named) return bad(form);

  source.path = text.substr(mark + 1);
  if (const std::size_t hash = source.path.find('#');
      npm && hash != source.path.npos) {
    const std::string range = source.path.substr(hash + 1);
    const std::size_t dash = range.find('-');
    Source::Range bytes;
    if (dash == range.npos ||
        !ParseNumber(range.substr(0, dash), bytes.first) ||
        !ParseNumber(range.substr(dash + 1), bytes.end) ||
        bytes.first >= bytes.end) {
      return bad(form);
    }
    source.range = bytes;
    source.path.resize(hash);
  }
  if (!IsInside(source.path)) return bad(form);
  return source;
}

}  // namespace ocelli
