#include "net/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

namespace ocelli {
namespace {

bool IsPublic(const char* text) {
  sockaddr_storage storage{};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    storage.ss_family = AF_INET;
  } else {
    storage.ss_family = AF_INET6;
    EXPECT_EQ(inet_pton(AF_INET6, text, &v6->sin6_addr), 1) << text;
  }
  const auto& address = reinterpret_cast<const sockaddr&>(storage);
  EXPECT_EQ(AddressText(address), text);
  return IsPublicAddress(address);
}

TEST(IsPublicAddress, KnowsWhatIsNot) {
  for (const char* text : {"0.0.0.0",
                           "0.1.2.3",
                           "10.0.0.1",
                           "10.255.255.255",
                           "100.64.0.1",
                           "100.100.100.200",
                           "100.127.255.255",
                           "127.0.0.1",
                           "127.255.0.1",
                           "168.63.129.16",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.0.0.192",
                           "192.0.2.1",
                           "192.88.99.1",
                           "192.168.1.1",
                           "198.18.0.1",
                           "198.19.255.255",
                           "198.51.100.7",
                           "203.0.113.9",
                           "224.0.0.1",
                           "239.1.1.1",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "::127.0.0.1",
                           "::ffff:127.0.0.1",
                           "::ffff:10.0.0.1",
                           "::ffff:0:7f00:1",
                           "64:ff9b::7f00:1",
                           "64:ff9b::a9fe:a9fe",
                           "64:ff9b:1::808:808",
                           "100::1",
                           "2001::1",
                           "2001:2::1",
                           "2001:db8::1",
                           "2002:7f00:1::1",
                           "2002:a00:1::1",
                           "3fff::1",
                           "fc00::1",
                           "fd00:ec2::254",
                           "fe80::1",
                           "fec0::1",
                           "ff02::1",
                           "4000::1",
                           "5f00::1"}) {
    EXPECT_FALSE(IsPublic(text)) << text;
  }
}

TEST(IsPublicAddress, KnowsWhatIs) {
  for (const char* text : {"1.1.1.1",         "8.8.8.8",
                           "9.255.255.255",   "11.0.0.1",
                           "100.63.255.255",  "100.128.0.1",
                           "126.0.0.1",       "128.0.0.1",
                           "168.63.129.17",   "172.15.0.1",
                           "172.32.0.1",      "192.0.1.1",
                           "192.167.0.1",     "198.17.0.1",
                           "198.20.0.1",      "223.255.255.255",
                           "::ffff:8.8.8.8",  "64:ff9b::808:808",
                           "2001:200::1",     "2001:4860:4860::8888",
                           "2002:808:808::1", "2606:4700::1111",
                           "2a02:ec80::1",    "3ffe::1"}) {
    EXPECT_TRUE(IsPublic(text)) << text;
  }
}

TEST(IsPublicAddress, AnotherFamilyIsNot) {
  sockaddr address{};
  address.sa_family = AF_UNIX;
  EXPECT_FALSE(IsPublicAddress(address));
  EXPECT_EQ(AddressText(address), "");
}

}  // namespace
}  // namespace ocelli
