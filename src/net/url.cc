#include "net/url.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "core/ascii.h"

namespace ocelli {
namespace {

constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kDigits = "0123456789";

bool ConsistsOf(std::string_view text,
                std::initializer_list<std::string_view> alphabets) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return std::any_of(
        alphabets.begin(), alphabets.end(),
        [&](std::string_view some) { return some.find(c) != some.npos; });
  });
}

bool IsIpv6(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

std::uint16_t DefaultPort(std::string_view scheme) {
  return scheme == "https" ? 443 : 80;
}

std::string Origin(const Url& url) {
  std::string text = url.scheme + "://";
  text += IsIpv6(url.host) ? "[" + url.host + "]" : url.host;
  if (url.port != DefaultPort(url.scheme)) {
    text += ":" + std::to_string(url.port);
  }
  return text;
}

// RFC 3986, 3.1.
bool HasScheme(std::string_view text) {
  const std::size_t colon = text.find_first_of(":/?#");
  if (colon == text.npos || colon == 0 || text[colon] != ':') return false;
  const std::string name = LowerCase(text.substr(0, colon));
  return kLower.find(name[0]) != kLower.npos &&
         ConsistsOf(name, {kLower, kDigits, "+-."});
}

// What browsers do with a reference before they read it: no blanks around, no
// tabs and line ends within, and %XX for what may not stand in an address. A
// backslash stays, to be refused.
std::string Encode(std::string_view reference) {
  constexpr std::string_view kDigitsOfHex = "0123456789ABCDEF";
  const auto is_blank = [](char c) { return c >= '\0' && c <= ' '; };
  while (!reference.empty() && is_blank(reference.front())) {
    reference.remove_prefix(1);
  }
  while (!reference.empty() && is_blank(reference.back())) {
    reference.remove_suffix(1);
  }
  std::string text;
  for (const char c : reference) {
    if (c == '\t' || c == '\n' || c == '\r') continue;
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte >= 0x7f ||
        std::string_view("\"<>^`{|}").find(c) != std::string_view::npos) {
      text += '%';
      text += kDigitsOfHex[byte >> 4];
      text += kDigitsOfHex[byte & 15];
    } else {
      text += c;
    }
  }
  return text;
}

// RFC 3986, 5.2.4; `path` begins with a '/'.
std::string WithoutDots(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/', 1), path.size());
    const std::string_view segment = path.substr(0, end);
    path.remove_prefix(end);
    const bool up = segment == "/..";
    if (!up && segment != "/.") {
      out += segment;
      continue;
    }
    if (up) out.resize(std::min(out.rfind('/'), out.size()));
    if (path.empty()) out += '/';
  }
  return out;
}

}  // namespace

std::string Url::ToString() const { return Origin(*this) + target; }

std::string Url::ForMessage() const {
  return Origin(*this) + target.substr(0, target.find('?'));
}

bool Url::IsLoopback() const {
  in_addr address;
  if (inet_pton(AF_INET, host.c_str(), &address) == 1) {
    return ntohl(address.s_addr) >> 24 == 127;
  }
  return host == "localhost" || host == "::1";
}

Result<Url> ParseUrl(std::string_view text) {
  const auto bad = [&](const char* what) {
    return Fail(ErrorCode::kInvalidArgument,
                std::string(what) + " in the address " +
                    std::string(text.substr(0, text.find('?'))));
  };
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > ' ' && byte < 0x7f && c != '\\';
  });
  if (!printable) return bad("blank, backslash or unprintable character");

  const std::size_t colon = text.find("://");
  if (colon == text.npos) return bad("no https://");
  Url url;
  url.scheme = LowerCase(text.substr(0, colon));
  if (url.scheme != "https" && url.scheme != "http") {
    return bad("neither http nor https");
  }
  std::string_view rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  url.target = rest.substr(authority.size());
  if (url.target.empty() || url.target[0] != '/') url.target.insert(0, "/");

  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == authority.npos) return bad("no ]");
    url.host = LowerCase(authority.substr(1, end - 1));
    if (!IsIpv6(url.host)) return bad("no IPv6 address");
    port = authority.substr(end + 1);
  } else {
    const std::size_t end = std::min(authority.find(':'), authority.size());
    url.host = LowerCase(authority.substr(0, end));
    if (url.host.empty() || !ConsistsOf(url.host, {kLower, kDigits, ".-_"})) {
      return bad("no host name");
    }
    port = authority.substr(end);
  }

  url.port = DefaultPort(url.scheme);
  if (!port.empty()) {
    const char* end = port.data() + port.size();
    const auto [stop, error] = std::from_chars(port.data() + 1, end, url.port);
    if (port[0] != ':' || error != std::errc() || stop != end ||
        url.port == 0) {
      return bad("no port from 1 to 65535");
    }
  }
  return url;
}

Result<Url> ResolveReference(const Url& base, std::string_view reference) {
  const std::string encoded = Encode(reference);
  std::string_view text = encoded;
  Url url = base;
  if (HasScheme(text)) {
    auto whole = ParseUrl(text);
    if (!whole) return whole.Failure();
    url = std::move(*whole);
  } else if (text.starts_with("//")) {
    auto whole = ParseUrl(base.scheme + ":" + encoded);
    if (!whole) return whole.Failure();
    url = std::move(*whole);
  } else {
    text = text.substr(0, text.find('#'));
    if (text.find('\\') != text.npos) {
      return Fail(ErrorCode::kInvalidArgument,
                  "backslash in the address " + std::string(text));
    }
    const std::string_view path(
        std::string_view(base.target).substr(0, base.target.find('?')));
    if (text.starts_with('/')) {
      url.target = text;
    } else if (text.starts_with('?')) {
      url.target = std::string(path) + std::string(text);
    } else if (!text.empty()) {
      url.target =
          std::string(path.substr(0, path.rfind('/') + 1)) + std::string(text);
    }
  }
  const std::size_t query = std::min(url.target.find('?'), url.target.size());
  url.target =
      WithoutDots(url.target.substr(0, query)) + url.target.substr(query);
  return url;
}

Result<> CheckSecure(const Url& url) {
  if (url.scheme == "https" || url.IsLoopback()) return {};
  return Fail(ErrorCode::kPermissionDenied,
              url.ForMessage() + " is not encrypted: use https");
}

}  // namespace ocelli
