#include "net/url.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

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

std::string ToLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
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
    return c > ' ' && c != '\x7f' && c != '\\';
  });
  if (!printable) return bad("blank, backslash or unprintable character");

  const std::size_t colon = text.find("://");
  if (colon == text.npos) return bad("no https://");
  Url url;
  url.scheme = ToLower(text.substr(0, colon));
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
    url.host = ToLower(authority.substr(1, end - 1));
    if (!IsIpv6(url.host)) return bad("no IPv6 address");
    port = authority.substr(end + 1);
  } else {
    const std::size_t end = std::min(authority.find(':'), authority.size());
    url.host = ToLower(authority.substr(0, end));
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

Result<> CheckSecure(const Url& url) {
  if (url.scheme == "https" || url.IsLoopback()) return {};
  return Fail(ErrorCode::kPermissionDenied,
              url.ForMessage() + " is not encrypted: use https");
}

}  // namespace ocelli
