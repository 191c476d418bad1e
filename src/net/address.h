#pragma once

#include <sys/socket.h>

#include <string>

namespace ocelli {

// Whether the address is one of the public internet: not this machine, a
// private network, a link, a group, a range kept for documentation or tests,
// or where clouds keep the secrets of their machines. An IPv6 address that
// stands for an IPv4 one (mapped, NAT64, 6to4) is judged as that. Sources: the
// IANA special-purpose address registries (RFC 6890 and its updates).
bool IsPublicAddress(const sockaddr& address);

// The number in its usual notation, without the port: for messages.
std::string AddressText(const sockaddr& address);

}  // namespace ocelli
