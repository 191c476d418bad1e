#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace ocelli {
namespace {

struct Range4 {
  std::uint32_t first;  // Host byte order.
  int bits;
};

constexpr std::uint32_t Number(std::uint32_t a, std::uint32_t b,
                               std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

constexpr Range4 kNotPublic4[] = {
    {Number(0, 0, 0, 0), 8},         // This network.
    {Number(10, 0, 0, 0), 8},        // Private.
    {Number(100, 64, 0, 0), 10},     // Behind a provider's NAT.
    {Number(127, 0, 0, 0), 8},       // Loopback.
    {Number(168, 63, 129, 16), 32},  // Azure's service for its machines.
    {Number(169, 254, 0, 0), 16},    // Link-local; metadata of clouds.
    {Number(172, 16, 0, 0), 12},     // Private.
    {Number(192, 0, 0, 0), 24},      // IETF protocols.
    {Number(192, 0, 2, 0), 24},      // Documentation.
    {Number(192, 88, 99, 0), 24},    // 6to4 relays.
    {Number(192, 168, 0, 0), 16},    // Private.
    {Number(198, 18, 0, 0), 15},     // Benchmarks.
    {Number(198, 51, 100, 0), 24},   // Documentation.
    {Number(203, 0, 113, 0), 24},    // Documentation.
    {Number(224, 0, 0, 0), 4},       // Groups.
    {Number(240, 0, 0, 0), 4},       // Reserved, and broadcast.
};

struct Range6 {
  std::array<std::uint8_t, 8> first;
  int bits;
};

// Within 2000::/3; outside of it nothing is public but what stands for IPv4.
constexpr Range6 kNotPublic6[] = {
    {{0x20, 0x01, 0x00}, 23},        // IETF protocols, Teredo among them.
    {{0x20, 0x01, 0x0d, 0xb8}, 32},  // Documentation.
    {{0x3f, 0xff, 0x00}, 20},        // Documentation.
};

bool IsPublic4(std::uint32_t number) {
  for (const Range4& range : kNotPublic4) {
    if ((number ^ range.first) >> (32 - range.bits) == 0) return false;
  }
  return true;
}

std::uint32_t BigEndian(const std::uint8_t* bytes) {
  return Number(bytes[0], bytes[1], bytes[2], bytes[3]);
}

bool HasPrefix(const std::uint8_t* bytes, const std::uint8_t* prefix,
               int bits) {
  const int whole = bits / 8;
  if (std::memcmp(bytes, prefix, static_cast<std::size_t>(whole)) != 0) {
    return false;
  }
  return bits % 8 == 0 || (bytes[whole] ^ prefix[whole]) >> (8 - bits % 8) == 0;
}

bool IsPublic6(const std::uint8_t* bytes) {
  constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};
  constexpr std::uint8_t kNat64[12] = {0, 0x64, 0xff, 0x9b};
  constexpr std::uint8_t kGlobal[1] = {0x20};
  constexpr std::uint8_t k6to4[2] = {0x20, 0x02};
  if (HasPrefix(bytes, kMapped, 96) || HasPrefix(bytes, kNat64, 96)) {
    return IsPublic4(BigEndian(bytes + 12));
  }
  if (HasPrefix(bytes, k6to4, 16)) return IsPublic4(BigEndian(bytes + 2));
  if (!HasPrefix(bytes, kGlobal, 3)) return false;
  for (const Range6& range : kNotPublic6) {
    if (HasPrefix(bytes, range.first.data(), range.bits)) return false;
  }
  return true;
}

}  // namespace

bool IsPublicAddress(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &address, sizeof(v4));
    return IsPublic4(ntohl(v4.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &address, sizeof(v6));
    return IsPublic6(v6.sin6_addr.s6_addr);
  }
  return false;
}

std::string AddressText(const sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &address, sizeof(v4));
    inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  } else if (address.sa_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &address, sizeof(v6));
    inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  }
  return text.data();
}

}  // namespace ocelli
