#pragma once

#include <optional>

#include "api/problem.h"
#include "api/rest_call.h"
#include "api/rest_handler.h"
#include "api/rest_routes.h"
#include "api/web_assets.h"
#include "http/http_message.h"

namespace ocelli {

// What is found out about a request from its head alone, the cheapest first:
// where it comes from and goes to, who asks and whether they may, what may
// come, and whether there is a place for it. Thread-safe.
class RestAdmission {
 public:
  // All outlive it.
  RestAdmission(const RestParts& parts, const RestOptions& options,
                const RestRouter& router, const WebAssets& assets,
                LiveWatchers& watchers)
      : parts_(parts),
        options_(options),
        router_(router),
        assets_(assets),
        watchers_(watchers) {}

  using Refusal = std::optional<Problem>;
  // Fills in `call` and the limits of `verdict`, also where it refuses.
  // Nothing: the request may go on; one for OPTIONS is to be told
  // call.allowed.
  Refusal Check(const HttpHead& head, RestCall& call, HttpVerdict& verdict);

 private:
  Refusal FindRoute(const HttpHead& head, RestCall& call) const;
  Refusal CheckVisitor(const HttpHead& head, RestCall& call);
  Refusal CheckBody(const HttpHead& head, RestCall& call,
                    HttpVerdict& verdict) const;
  Refusal TakePlace(const HttpHead& head, RestCall& call);

  const RestParts parts_;
  const RestOptions options_;
  const RestRouter& router_;
  const WebAssets assets_;
  LiveWatchers& watchers_;
};

}  // namespace ocelli
