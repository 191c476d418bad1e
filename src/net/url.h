#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace ocelli {

// The address of something on the web, in one normal form.
struct Url {
  std::string scheme;      // "https" or "http".
  std::string host;        // Lower case; IPv6 without its brackets.
  std::uint16_t port = 0;  // The scheme's own where none is written.
  std::string target;      // Path and query, from the '/' on.

  std::string ToString() const;
  // Without the query, which may hold a key: for messages and logs.
  std::string ForMessage() const;
  // This very machine, by number or as "localhost".
  bool IsLoopback() const;
};

// Stricter than browsers are, so that no two readers can differ on where an
// address leads: no user name, no blanks, hosts of letters, digits, '.', '-'
// and '_'. A fragment is dropped. kInvalidArgument.
Result<Url> ParseUrl(std::string_view text);

// Where a reference in a page leads, as browsers and RFC 3986, 5.2 have it:
// "../a.png", "//other.org/a", "?page=2" or a whole address. Blanks around it
// and line ends within are dropped; what may not stand in an address, such as
// "ô" or a blank, is percent-encoded. kInvalidArgument as in ParseUrl(), also
// for other schemes ("data:", "javascript:").
Result<Url> ResolveReference(const Url& base, std::string_view reference);

// https leads anywhere, http only to this machine. kPermissionDenied.
Result<> CheckSecure(const Url& url);

}  // namespace ocelli
