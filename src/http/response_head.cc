#include "http/response_head.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "core/ascii.h"
#include "core/log.h"

namespace ocelli {
namespace {

// Of the statuses that a service of this kind sends.
constexpr std::pair<int, std::string_view> kReasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {507, "Insufficient Storage"},
};

std::string_view Reason(int status) {
  for (const auto& [known, reason] : kReasons) {
    if (known == status) return reason;
  }
  return "Other";
}

bool IsTokenCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool StaysInItsLine(const std::string& name, const std::string& value) {
  return !name.empty() &&
         std::all_of(name.begin(), name.end(), IsTokenCharacter) &&
         std::none_of(value.begin(), value.end(), [](char c) {
           return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f;
         });
}

bool IsWrittenHere(const std::string& name) {
  constexpr std::array<std::string_view, 5> kNames = {
      "content-length", "transfer-encoding", "connection", "date",
      "keep-alive"};
  const std::string lower = LowerCase(name);
  return std::find(kNames.begin(), kNames.end(), lower) != kNames.end();
}

// IMF-fixdate (RFC 9110, 5.6.7), in English whatever the locale.
std::string DateText(std::chrono::system_clock::time_point now) {
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed",
                                   "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char rest[32];
  std::strftime(rest, sizeof(rest), "%Y %H:%M:%S GMT", &utc);
  std::string text = kDays[utc.tm_wday];
  text += utc.tm_mday < 10 ? ", 0" : ", ";
  text += std::to_string(utc.tm_mday);
  text += ' ';
  text += kMonths[utc.tm_mon];
  text += ' ';
  text += rest;
  return text;
}

void AddField(std::string& head, std::string_view name,
              std::string_view value) {
  head += name;
  head += ": ";
  head += value;
  head += "\r\n";
}

}  // namespace

bool MayHaveBody(int status) {
  return status >= 200 && status != 204 && status != 304;
}

std::string ResponseHead(const HttpResponse& response,
                         const ResponseFraming& framing, std::string_view id,
                         std::chrono::system_clock::time_point now) {
  std::string head;
  head.reserve(512);
  head += "HTTP/1.1 ";
  head += std::to_string(response.status);
  head += ' ';
  head += Reason(response.status);
  head += "\r\n";
  bool has_id = id.empty();
  for (const auto& [name, value] : response.fields) {
    if (IsWrittenHere(name)) continue;
    if (!StaysInItsLine(name, value)) {
      Log(LogLevel::kError, "left out a field that breaks out of its line",
          {{"status", response.status}});
      continue;
    }
    if (LowerCase(name) == "x-request-id") has_id = true;
    AddField(head, name, value);
  }
  if (!has_id) AddField(head, "X-Request-Id", id);
  AddField(head, "Date", DateText(now));
  if (framing.framing == Framing::kChunked) {
    AddField(head, "Transfer-Encoding", "chunked");
  } else if (framing.framing == Framing::kLength &&
             MayHaveBody(response.status)) {
    AddField(head, "Content-Length", std::to_string(framing.length));
  }
  AddField(head, "Connection", framing.keep_alive ? "keep-alive" : "close");
  head += "\r\n";
  return head;
}

}  // namespace ocelli
