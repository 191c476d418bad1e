#include "api/rest_routes.h"

#include <algorithm>
#include <map>
#include <utility>

#include "ocelli/v1/live.pb.h"

namespace ocelli {
namespace {

struct Extra {
  ExtraRoute route;
  const char* verb;
  const char* path;
  std::optional<Action> need;
  int status;
  const char* summary;
};

const Extra kExtras[] = {
    {ExtraRoute::kLogIn, "POST", "/v1/session", {}, 200, "Log in"},
    {ExtraRoute::kWhoAmI, "GET", "/v1/session", {}, 200, "Who am I?"},
    {ExtraRoute::kLogOut, "DELETE", "/v1/session", {}, 204, "Log out"},
    {ExtraRoute::kChangePassword, "POST", "/v1/session/password",
     Action::kChangeOwnPassword, 204,
     "Change the own password; all sessions end"},
    {ExtraRoute::kAlive, "GET", "/healthz", {}, 200, "Whether it runs"},
    {ExtraRoute::kReady,
     "GET",
     "/readyz",
     {},
     200,
     "Whether models are loaded and requests welcome"},
    {ExtraRoute::kMetrics, "GET", "/metrics", Action::kRead, 200,
     "Counters for Prometheus"},
    {ExtraRoute::kOpenApi, "GET", "/openapi.json", {}, 200, "This description"},
    {ExtraRoute::kLiveMjpeg, "GET", "/v1/live/{name}/mjpeg", Action::kRead, 200,
     "The frames as they come, as pictures that a page can show"},
    {ExtraRoute::kLiveEvents, "GET", "/v1/live/{name}/events", Action::kRead,
     101, "Frames and faces as they come, over a WebSocket"},
};

bool IsLive(ExtraRoute route) {
  return route == ExtraRoute::kLiveMjpeg || route == ExtraRoute::kLiveEvents;
}

std::vector<std::string> Segments(std::string_view path) {
  std::vector<std::string> segments;
  while (path.starts_with('/')) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    segments.emplace_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

bool IsField(std::string_view segment) { return segment.starts_with('{'); }

}  // namespace

std::vector<RestRoute> MakeRestRoutes(const OperationTable& operations) {
  std::vector<RestRoute> routes;
  for (const Operation& operation : operations.all()) {
    const v1::Route& route = operation.route();
    if (route.verb().empty()) continue;
    RestRoute& added = routes.emplace_back();
    added.verb = route.verb();
    added.path = route.path();
    added.summary = route.summary();
    added.need = ActionOf(route);
    added.status = route.status() == 0 ? 200 : route.status();
    added.operation = &operation;
    added.shape.emplace(*operation.method->input_type(), route.verb(),
                        route.path(), route.image());
  }
  for (const Extra& extra : kExtras) {
    RestRoute& added = routes.emplace_back();
    added.verb = extra.verb;
    added.path = extra.path;
    added.summary = extra.summary;
    added.need = extra.need;
    added.status = extra.status;
    added.extra = extra.route;
    // Who logs in has no token yet, or one of a session that has ended.
    added.checks_csrf = extra.route != ExtraRoute::kLogIn;
    if (IsLive(extra.route)) {
      added.shape.emplace(*v1::WatchLiveRequest::descriptor(), extra.verb,
                          extra.path, "");
    }
  }
  return routes;
}

RestRouter::RestRouter(std::vector<RestRoute> routes)
    : routes_(std::move(routes)) {
  std::map<std::string, Pattern> patterns;
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    Pattern& pattern = patterns[routes_[i].path];
    pattern.routes.push_back(i);
    if (pattern.routes.size() > 1) continue;
    pattern.segments = Segments(routes_[i].path);
    for (const std::string& segment : pattern.segments) {
      if (!IsField(segment)) pattern.literal += segment.size();
    }
  }
  for (auto& [path, pattern] : patterns) {
    patterns_.push_back(std::move(pattern));
  }
  std::stable_sort(
      patterns_.begin(), patterns_.end(),
      [](const Pattern& a, const Pattern& b) { return a.literal > b.literal; });
}

RestRouter::Match RestRouter::Find(std::string_view verb,
                                   std::string_view path) const {
  std::vector<std::string> segments = Segments(path);
  const auto fits = [&](const Pattern& pattern) {
    return std::equal(pattern.segments.begin(), pattern.segments.end(),
                      segments.begin(), segments.end(),
                      [](const std::string& wanted, const std::string& is) {
                        return IsField(wanted) ? !is.empty() : wanted == is;
                      });
  };
  const auto pattern = std::find_if(patterns_.begin(), patterns_.end(), fits);
  if (pattern == patterns_.end()) return {};

  Match match;
  const std::string_view wanted = verb == "HEAD" ? "GET" : verb;
  match.pattern = routes_[pattern->routes.front()].path;
  for (const std::size_t at : pattern->routes) {
    match.verbs.push_back(routes_[at].verb);
    if (routes_[at].verb == wanted) match.route = &routes_[at];
  }
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::string& name = pattern->segments[i];
    if (!IsField(name)) continue;
    match.fields.emplace_back(name.substr(1, name.size() - 2),
                              std::move(segments[i]));
  }
  return match;
}

}  // namespace ocelli
