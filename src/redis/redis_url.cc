#include "redis/redis_url.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>

#include "core/ascii.h"
#include "core/parse_number.h"

namespace ocelli {
namespace {

constexpr std::size_t kMostHosts = 64;
constexpr int kMostDatabases = 1 << 20;

// Never a part of the address: whatever is misplaced may be the password.
auto Bad(const std::string& what) {
  return Fail(ErrorCode::kInvalidArgument,
              "address of Redis: " + what +
                  "; it looks like redis://[USER:PASSWORD@]HOST[:PORT]"
                  "[/DATABASE], redis+sentinel://HOST,HOST/MASTER or "
                  "redis+cluster://HOST,HOST, with other characters of a "
                  "password than letters and digits as %XX");
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What may not stand as it is before the '@' (RFC 3986, unreserved).
std::string Encode(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x80 && std::isalnum(byte)) ||
        std::string_view("-._~").find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      constexpr char kDigits[] = "0123456789ABCDEF";
      encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return encoded;
}

Result<std::string> Decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = high >= 0 ? HexDigit(text[i + 2]) : -1;
    if (low < 0) return Bad("no two hexadecimal digits after a %");
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

bool IsIpv6(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

bool IsHostName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  });
}

Result<RedisHost> ParseHost(std::string_view text, std::uint16_t port) {
  RedisHost host;
  host.port = port;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == text.npos) return Bad("no ]");
    host.name = text.substr(1, end - 1);
    if (!IsIpv6(host.name)) return Bad("no IPv6 address between [ and ]");
    rest = text.substr(end + 1);
  } else {
    const std::size_t end = std::min(text.find(':'), text.size());
    host.name = text.substr(0, end);
    if (!IsHostName(host.name)) return Bad("no host name");
    rest = text.substr(end);
  }
  if (!rest.empty()) {
    host.port = rest[0] == ':'
                    ? ParseNumber<std::uint16_t>(rest.substr(1)).value_or(0)
                    : std::uint16_t{0};
    if (host.port == 0) return Bad("no port from 1 to 65535 after the host");
  }
  return host;
}

struct Scheme {
  std::string_view name;
  RedisTopology topology;
  bool tls;
};
constexpr Scheme kSchemes[] = {
    {"redis", RedisTopology::kSingle, false},
    {"rediss", RedisTopology::kSingle, true},
    {"redis+sentinel", RedisTopology::kSentinel, false},
    {"rediss+sentinel", RedisTopology::kSentinel, true},
    {"redis+cluster", RedisTopology::kCluster, false},
    {"rediss+cluster", RedisTopology::kCluster, true},
};

}  // namespace

std::string RedisHost::ToString() const {
  const bool brackets = name.find(':') != name.npos;
  return (brackets ? "[" + name + "]" : name) + ":" + std::to_string(port);
}

std::string RedisUrl::ForMessage() const {
  std::string text;
  for (const Scheme& scheme : kSchemes) {
    if (scheme.topology == topology && scheme.tls == tls) text = scheme.name;
  }
  text += "://";
  if (!user.empty()) text += Encode(user) + "@";
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    text += (i == 0 ? "" : ",") + hosts[i].ToString();
  }
  if (!master.empty()) text += "/" + master;
  if (database != 0) text += "/" + std::to_string(database);
  return text;
}

bool IsRedisUrl(std::string_view text) {
  const std::string begin = LowerCase(text.substr(0, 7));
  for (const char* scheme : {"redis:", "rediss:", "redis+", "rediss+"}) {
    if (begin.starts_with(scheme)) return true;
  }
  return false;
}

Result<RedisUrl> ParseRedisUrl(std::string_view text) {
  const std::size_t colon = text.find("://");
  if (colon == text.npos) return Bad("no redis://");
  const std::string name = LowerCase(text.substr(0, colon));
  RedisUrl url;
  const auto* scheme = std::find_if(
      std::begin(kSchemes), std::end(kSchemes),
      [&](const Scheme& candidate) { return candidate.name == name; });
  if (scheme == std::end(kSchemes)) return Bad("unknown scheme");
  url.topology = scheme->topology;
  url.tls = scheme->tls;

  std::string_view rest = text.substr(colon + 3);
  std::string_view hosts = rest.substr(0, rest.find('/'));
  std::string_view path = rest.substr(hosts.size());
  if (const std::size_t at = hosts.rfind('@'); at != hosts.npos) {
    const std::string_view login = hosts.substr(0, at);
    hosts.remove_prefix(at + 1);
    const std::size_t between = std::min(login.find(':'), login.size());
    auto user = Decode(login.substr(0, between));
    if (!user) return user.Failure();
    url.user = std::move(*user);
    if (between < login.size()) {
      auto password = Decode(login.substr(between + 1));
      if (!password) return password.Failure();
      url.password = std::move(*password);
    }
  } else if (path.find('@') != path.npos) {
    return Bad("a / before the @");
  }

  const std::uint16_t port =
      url.topology == RedisTopology::kSentinel ? 26379 : 6379;
  while (true) {
    const std::size_t comma = std::min(hosts.find(','), hosts.size());
    auto host = ParseHost(hosts.substr(0, comma), port);
    if (!host) return host.Failure();
    url.hosts.push_back(std::move(*host));
    if (comma == hosts.size()) break;
    hosts.remove_prefix(comma + 1);
    if (url.hosts.size() == kMostHosts) return Bad("more than 64 hosts");
  }
  if (url.topology == RedisTopology::kSingle && url.hosts.size() > 1) {
    return Bad("several hosts, but neither +sentinel nor +cluster");
  }

  if (!path.empty()) path.remove_prefix(1);
  if (url.topology == RedisTopology::kSentinel) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    url.master = path.substr(0, slash);
    if (!IsHostName(url.master)) {
      return Bad("no name of a master after the sentinels");
    }
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  if (!path.empty()) {
    url.database = ParseNumber<int>(path).value_or(-1);
    if (url.database < 0 || url.database >= kMostDatabases) {
      return Bad("no number of a database after the last /");
    }
  }
  if (url.topology == RedisTopology::kCluster && url.database != 0) {
    return Bad("a Cluster has database 0 only");
  }
  return url;
}

}  // namespace ocelli
