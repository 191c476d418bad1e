#pragma once

#include <memory>
#include <optional>
#include <string>

#include "access/request_gate.h"
#include "api/live_watchers.h"
#include "api/request_ledger.h"
#include "api/rest_routes.h"
#include "api/visitor.h"
#include "api/web_assets.h"
#include "core/clock.h"
#include "http/http_message.h"
#include "ocelli/v1/live.pb.h"

namespace ocelli {

// One request under REST, from its head to its answer. Enters itself into the
// ledger: when it is finished, or as given up (499) when it goes before.
class RestCall {
 public:
  // They outlive it.
  RestCall(const HttpHead& head, RequestLedger& ledger, const Clock& clock);
  ~RestCall();
  RestCall(const RestCall&) = delete;
  RestCall& operator=(const RestCall&) = delete;

  // Adds what every response has. Call once.
  HttpResponse Finish(HttpResponse response);

  RequestEntry entry;
  const RestRoute* route = nullptr;  // Either this
  const WebAsset* asset = nullptr;   // or this; neither in a refusal.
  std::string allowed;               // For Allow.
  HttpFields path;
  Visitor visitor;
  std::string client;
  BodyKind body = BodyKind::kNone;
  std::optional<RequestGate::Place> place;
  v1::WatchLiveRequest watch;                // Of live pictures,
  std::shared_ptr<LiveWatchers::Seat> seat;  // and the right to them.

 private:
  RequestLedger& ledger_;
  const Clock& clock_;
  const std::chrono::steady_clock::time_point began_;
  bool finished_ = false;
};

// What keeps browsers from doing more with an answer than they should.
void AddSecurityFields(HttpResponse& response);

// The client's own id of a request where it is a plain short word, else ours.
std::string RequestIdOf(const HttpHead& head);

}  // namespace ocelli
