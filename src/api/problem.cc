#include "api/problem.h"

#include <utility>

#include "api/status_codes.h"
#include "core/ascii.h"
#include "recognize/json_line.h"

namespace ocelli {

std::string_view StatusPhrase(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return status < 500 ? "Bad Request" : "Internal Server Error";
  }
}

Problem ProblemOf(const Error& error) {
  Problem problem;
  problem.status = HttpStatusOf(error.code);
  problem.code = WordOf(error.code);
  problem.detail = error.code == ErrorCode::kInternal
                       ? "something went wrong here; the service's log says "
                         "what, by the id of this request"
                       : error.message;
  return problem;
}

Problem ProblemOf(int status, std::string detail) {
  Problem problem;
  problem.status = status;
  for (const char c : LowerCase(StatusPhrase(status))) {
    problem.code += c == ' ' ? '_' : c;
  }
  problem.detail = std::move(detail);
  return problem;
}

HttpResponse ProblemResponse(const Problem& problem,
                             std::string_view request_id) {
  JsonLine line;
  line.Open('{').Member("type", std::string_view("about:blank"));
  line.Member("title", StatusPhrase(problem.status));
  line.Member("status", problem.status);
  line.Member("detail", std::string_view(problem.detail));
  line.Member("code", std::string_view(problem.code));
  line.Member("requestId", request_id).Close('}');

  HttpResponse response;
  response.status = problem.status;
  response.body = line.Take();
  response.fields = problem.fields;
  response.fields.emplace_back("Content-Type", "application/problem+json");
  response.fields.emplace_back("Cache-Control", "no-store");
  if (problem.status == 429 || problem.status == 503) {
    response.fields.emplace_back(
        "Retry-After",
        std::to_string(
            problem.retry_after.value_or(std::chrono::seconds(1)).count()));
  }
  if (problem.status == 401) {
    response.fields.emplace_back("WWW-Authenticate", "Bearer realm=\"ocelli\"");
  }
  return response;
}

}  // namespace ocelli
