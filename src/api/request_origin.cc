#include "api/request_origin.h"

#include <algorithm>
#include <cstdint>

#include "core/ascii.h"
#include "core/parse_number.h"

namespace ocelli {
namespace {

auto Refuse(std::string why) {
  return Fail(ErrorCode::kPermissionDenied, std::move(why));
}

bool IsIpv4(std::string_view host) {
  int parts = 1;
  while (true) {
    const std::size_t dot = std::min(host.find('.'), host.size());
    if (dot == 0 || dot > 3 || !ParseNumber<std::uint8_t>(host.substr(0, dot)))
      return false;
    if (dot == host.size()) return parts == 4;
    host.remove_prefix(dot + 1);
    ++parts;
  }
}

// Scheme and authority of "https://host:1". None: "null", or no origin.
struct Origin {
  std::string scheme;
  std::string authority;
};
Origin ReadOrigin(std::string_view text) {
  const std::size_t colon = text.find("://");
  if (colon == text.npos) return {};
  return {LowerCase(text.substr(0, colon)), LowerCase(text.substr(colon + 3))};
}

std::string_view OnlyField(const HttpHead& head, std::string_view name,
                           int& count) {
  std::string_view only;
  count = 0;
  for (const auto& [key, value] : head.fields) {
    if (LowerCase(key) != name) continue;
    only = value;
    ++count;
  }
  return only;
}

}  // namespace

std::string HostWithoutPort(std::string_view host) {
  std::string_view name = host;
  std::string_view port;
  if (host.starts_with('[')) {
    const std::size_t close = host.find(']');
    if (close == host.npos) return {};
    name = host.substr(1, close - 1);
    port = host.substr(close + 1);
    if (name.find(':') == name.npos) return {};
  } else {
    const std::size_t colon = std::min(host.find(':'), host.size());
    name = host.substr(0, colon);
    port = host.substr(colon);
  }
  if (!port.empty() &&
      (!port.starts_with(':') || !ParseNumber<std::uint16_t>(port.substr(1)))) {
    return {};
  }
  return LowerCase(name);
}

bool IsLoopbackHost(std::string_view host) {
  return host == "localhost" || host.ends_with(".localhost") || host == "::1" ||
         (host.starts_with("127.") && IsIpv4(host));
}

Result<> CheckOrigin(const HttpHead& head,
                     const std::vector<std::string>& hosts, bool is_page) {
  int count = 0;
  const std::string_view host = OnlyField(head, "host", count);
  const std::string name = HostWithoutPort(host);
  if (count != 1 || name.empty()) {
    return Refuse("the request does not say to which host it goes");
  }
  if (!IsLoopbackHost(name) &&
      std::none_of(hosts.begin(), hosts.end(), [&](const std::string& known) {
        return LowerCase(known) == name;
      })) {
    return Refuse("this service is not known as \"" + name +
                  "\"; its settings name the hosts it answers for");
  }

  const std::string_view site = OnlyField(head, "sec-fetch-site", count);
  const bool same_site = count == 0 || site == "same-origin" || site == "none";
  const bool follows_link = is_page &&
                            head.Field("Sec-Fetch-Mode") == "navigate" &&
                            head.Field("Sec-Fetch-Dest") == "document";
  if (!same_site && !follows_link) {
    return Refuse("the request was made by a page of another site");
  }

  const std::string_view text = OnlyField(head, "origin", count);
  if (count == 0) return {};
  const Origin origin = ReadOrigin(text);
  // Behind a proxy that ends TLS the page is https and we are not.
  const bool right_scheme =
      origin.scheme == "https" || (origin.scheme == "http" && !head.secure);
  if (count > 1 || !right_scheme || origin.authority != LowerCase(host)) {
    return Refuse("the request was made by a page of another site");
  }
  return {};
}

}  // namespace ocelli
