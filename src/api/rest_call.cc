#include "api/rest_call.h"

#include <algorithm>
#include <utility>

namespace ocelli {
namespace {

constexpr int kClientGone = 499;

bool IsPlainWord(std::string_view text) {
  constexpr std::size_t kMost = 64;
  return !text.empty() && text.size() <= kMost &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                  (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
         });
}

// Of those that are HTTP's own; others can be anything and would fill the log.
std::string KnownMethod(const std::string& method) {
  constexpr std::string_view kMethods[] = {"GET",    "HEAD",  "POST",   "PUT",
                                           "DELETE", "PATCH", "OPTIONS"};
  const bool known = std::find(std::begin(kMethods), std::end(kMethods),
                               method) != std::end(kMethods);
  return known ? method : "_OTHER";
}

}  // namespace

std::string RequestIdOf(const HttpHead& head) {
  const std::string_view sent = head.Field("X-Request-Id");
  return IsPlainWord(sent) ? std::string(sent) : head.id;
}

void AddSecurityFields(HttpResponse& response) {
  constexpr std::pair<const char*, const char*> kFields[] = {
      {"Content-Security-Policy",
       "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; "
       "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"X-Frame-Options", "DENY"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
  };
  for (const auto& [name, value] : kFields) {
    const bool has_own =
        std::any_of(response.fields.begin(), response.fields.end(),
                    [&](const auto& field) { return field.first == name; });
    if (!has_own) response.fields.emplace_back(name, value);
  }
}

RestCall::RestCall(const HttpHead& head, RequestLedger& ledger,
                   const Clock& clock)
    : ledger_(ledger), clock_(clock), began_(clock.MonotonicTime()) {
  entry.method = KnownMethod(head.method);
  entry.address = head.client;
  entry.request_id = RequestIdOf(head);
}

RestCall::~RestCall() {
  if (finished_) return;
  HttpResponse nobody_reads;
  nobody_reads.status = kClientGone;
  Finish(std::move(nobody_reads));
}

HttpResponse RestCall::Finish(HttpResponse response) {
  finished_ = true;
  response.fields.emplace_back("X-Request-Id", entry.request_id);
  AddSecurityFields(response);
  entry.status = response.status;
  entry.bytes_out = response.constant_body ? response.constant_body->size()
                                           : response.body.size();
  entry.took = clock_.MonotonicTime() - began_;
  ledger_.Enter(entry);
  return response;
}

}  // namespace ocelli
