#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "http/http_message.h"

namespace ocelli {

// What is said to a client whose request failed.
struct Problem {
  int status = 500;
  std::string code;  // "not_found": for programs.
  std::string detail;
  std::optional<std::chrono::seconds> retry_after;
  HttpFields fields;  // Others, such as Allow.
};

// By status_codes.h. What is internal stays so: it goes into the log, and the
// client learns the id of its request.
Problem ProblemOf(const Error& error);
// Of a status that no ErrorCode has: 405, 413, 415, 426, ...
Problem ProblemOf(int status, std::string detail);

// application/problem+json (RFC 9457), with Retry-After for 429 and 503 and
// WWW-Authenticate for 401.
HttpResponse ProblemResponse(const Problem& problem,
                             std::string_view request_id);

// RFC 9110: "Not Found". The class's own for others.
std::string_view StatusPhrase(int status);

}  // namespace ocelli
