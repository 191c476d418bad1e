#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/http_message.h"

namespace ocelli {

// A head and what it asks of the connection.
struct ParsedHead {
  HttpHead head;
  bool keep_alive = false;
  bool chunked = false;           // The body, coming in.
  bool expects_continue = false;  // Before the body comes.
  bool wants_websocket = false;
  bool http11 = false;
};

// Why a request can't be answered by anybody.
struct BadRequest {
  int status = 0;
  std::string detail;  // Holds nothing of what came.
};

// `bytes` end with the empty line. Nothing, and `head` is filled in; otherwise
// what is wrong: among it whatever two readers might read differently (RFC
// 9112, 11.2): framing said twice, folded lines, absolute targets.
std::unique_ptr<BadRequest> ParseHead(std::string_view bytes, ParsedHead& head);

// A chunked body as it comes. Not thread-safe.
class ChunkedBody {
 public:
  enum class State { kMore, kDone, kTooLarge, kMalformed };

  explicit ChunkedBody(std::uint64_t max_bytes);
  ~ChunkedBody();

  // Takes what it can of `bytes`; `used` says how much. What it leaves comes
  // again, with more.
  State Put(std::string_view bytes, std::size_t& used);
  // After kDone.
  std::string Take();

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace ocelli
