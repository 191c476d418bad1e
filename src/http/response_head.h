#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "http/http_message.h"

namespace ocelli {

// How the other end tells where a response ends.
enum class Framing { kLength, kChunked, kUntilClosed };

struct ResponseFraming {
  Framing framing = Framing::kLength;
  std::size_t length = 0;
  bool keep_alive = false;
};

// 204 and 304 have no body whatever the handler says (RFC 9110, 6.4.1).
bool MayHaveBody(int status);

// From the status line to the empty line. Fields that would break out of their
// line are left out, and those that this function writes itself.
std::string ResponseHead(const HttpResponse& response,
                         const ResponseFraming& framing, std::string_view id,
                         std::chrono::system_clock::time_point now);

}  // namespace ocelli
