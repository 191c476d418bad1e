#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/caller.h"
#include "api/transcoding.h"
#include "http/http_message.h"
#include "service/operation.h"

namespace ocelli {

// What is under HTTP besides the operations of the contract.
enum class ExtraRoute {
  kLogIn,
  kWhoAmI,
  kLogOut,
  kChangePassword,
  kAlive,
  kReady,
  kMetrics,
  kOpenApi,
  kLiveMjpeg,
  kLiveEvents,
};

// One verb of one path.
struct RestRoute {
  std::string verb;
  std::string path;  // "/v1/people/{name}".
  std::string summary;
  std::optional<Action> need;  // None: anybody, also without a key.
  // With the cookie of a session, whether a verb that changes something must
  // bring its token too.
  bool checks_csrf = true;
  int status = 200;                      // Of success.
  const Operation* operation = nullptr;  // Either this
  std::optional<ExtraRoute> extra;       // or this.
  // Of operations and of live pictures.
  std::optional<RequestShape> shape;
};

// Every route: the operations that are under REST, and the others.
std::vector<RestRoute> MakeRestRoutes(const OperationTable& operations);

// Finds the route of a request. Thread-safe.
class RestRouter {
 public:
  explicit RestRouter(std::vector<RestRoute> routes);

  struct Match {
    const RestRoute* route = nullptr;  // Null: none has this verb,
    HttpFields fields;                 // Those of the path.
    std::vector<std::string> verbs;    // but these; none: no such path.
    std::string pattern;               // "/v1/people/{name}".
  };
  // HEAD is as GET. Of paths that fit, the one with the most literal text.
  // `path` is decoded: the server refuses targets with an encoded '/'.
  Match Find(std::string_view verb, std::string_view path) const;

  const std::vector<RestRoute>& routes() const { return routes_; }

 private:
  struct Pattern {
    std::vector<std::string> segments;  // "{name}" fits any that is not empty.
    std::size_t literal = 0;            // Bytes.
    std::vector<std::size_t> routes;
  };

  std::vector<RestRoute> routes_;
  std::vector<Pattern> patterns_;  // The most literal first.
};

}  // namespace ocelli
