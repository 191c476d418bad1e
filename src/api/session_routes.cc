#include "api/session_routes.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/utc_time.h"
#include "recognize/json_line.h"

namespace ocelli {
namespace {

using nlohmann::json;

// The two texts that an object has, and nothing else.
Result<std::array<std::string, 2>> ReadTexts(
    std::string_view body, const std::array<const char*, 2>& names) {
  const auto wrong = [&] {
    return Fail(ErrorCode::kInvalidArgument,
                "the body is to be JSON with the texts \"" +
                    std::string(names[0]) + "\" and \"" + names[1] + "\"");
  };
  // Nothing of it is deep.
  const auto shallow = [](int depth, json::parse_event_t event, json&) {
    return depth < 1 || (event != json::parse_event_t::object_start &&
                         event != json::parse_event_t::array_start);
  };
  const json object = json::parse(body, shallow, false);
  if (!object.is_object() || object.size() != names.size()) return wrong();
  std::array<std::string, 2> texts;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto found = object.find(names[i]);
    if (found == object.end() || !found->is_string()) return wrong();
    texts[i] = found->get<std::string>();
  }
  return texts;
}

std::string Cookie(std::string_view token, std::chrono::seconds age,
                   bool secure) {
  std::string cookie(kSessionCookie);
  cookie += "=" + std::string(token) + "; Path=/; HttpOnly; SameSite=Strict";
  cookie += "; Max-Age=" + std::to_string(age.count());
  if (secure) cookie += "; Secure";
  return cookie;
}

HttpResponse Json(JsonLine& line) {
  HttpResponse response;
  response.body = line.Take();
  response.fields = {{"Content-Type", "application/json"},
                     {"Cache-Control", "no-store"}};
  return response;
}

void WriteScopes(JsonLine& line, Scopes scopes) {
  line.Name("scopes").Open('[');
  const std::pair<Scope, std::string_view> kNames[] = {
      {Scope::kRead, "read"},
      {Scope::kWrite, "write"},
      {Scope::kAdmin, "admin"}};
  for (const auto& [scope, name] : kNames) {
    if (scopes.Include(scope)) line.Value(name);
  }
  line.Close(']');
}

std::string_view WordOf(CallerKind kind) {
  switch (kind) {
    case CallerKind::kNobody:
      return "nobody";
    case CallerKind::kOpen:
      return "open";
    case CallerKind::kOwner:
      return "owner";
    case CallerKind::kKey:
      return "key";
    case CallerKind::kUser:
      return "user";
  }
  return {};
}

}  // namespace

std::string NameInLogIn(std::string_view body) {
  const auto texts = ReadTexts(body, {"name", "password"});
  return texts ? (*texts)[0] : std::string();
}

Result<HttpResponse> SessionRoutes::LogIn(const HttpHead& head,
                                          std::string_view body) {
  const auto texts = ReadTexts(body, {"name", "password"});
  if (!texts) return texts.Failure();
  const auto opened = access_.LogIn((*texts)[0], (*texts)[1], head.client);
  if (!opened) return opened.Failure("logging in");
  if (const auto old = head.Cookie(kSessionCookie); !old.empty()) {
    if (auto ended = access_.LogOut(old); !ended) return ended.Failure();
  }
  const UserSession& session = opened->session;
  JsonLine line;
  line.Open('{');
  line.Member("user", std::string_view(session.caller.name));
  WriteScopes(line, session.caller.scopes);
  line.Member("csrfToken", std::string_view(session.csrf_token.ToHex()));
  line.Member("expires", std::string_view(UtcText(session.expires)));
  line.Close('}');
  HttpResponse response = Json(line);
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(
      session.expires - clock_.WallTime());
  response.fields.emplace_back("Set-Cookie",
                               Cookie(opened->token, age, head.secure));
  return response;
}

Result<HttpResponse> SessionRoutes::WhoAmI(const Visitor& visitor) {
  JsonLine line;
  line.Open('{').Member("kind", WordOf(visitor.caller.kind));
  line.Member("name", std::string_view(visitor.caller.name));
  WriteScopes(line, visitor.caller.scopes);
  line.Name("locked").Literal(visitor.locked ? "true" : "false");
  if (visitor.session) {
    line.Member("csrfToken",
                std::string_view(visitor.session->csrf_token.ToHex()));
    line.Member("expires", std::string_view(UtcText(visitor.session->expires)));
  }
  line.Close('}');
  return Json(line);
}

Result<HttpResponse> SessionRoutes::LogOut(const HttpHead& head) {
  if (const auto token = head.Cookie(kSessionCookie); !token.empty()) {
    if (auto ended = access_.LogOut(token); !ended) return ended.Failure();
  }
  HttpResponse response;
  response.status = 204;
  response.fields.emplace_back(
      "Set-Cookie", Cookie("", std::chrono::seconds(0), head.secure));
  return response;
}

Result<HttpResponse> SessionRoutes::ChangePassword(const HttpHead& head,
                                                   const Visitor& visitor,
                                                   std::string_view body) {
  const auto texts = ReadTexts(body, {"oldPassword", "newPassword"});
  if (!texts) return texts.Failure();
  auto changed = access_.ChangeOwnPassword(visitor.caller, (*texts)[0],
                                           (*texts)[1], head.client);
  if (!changed) return changed.Failure("changing the password");
  return LogOut(head);
}

std::chrono::seconds SessionRoutes::RetryAfter(std::string_view name,
                                               const HttpHead& head) const {
  return std::max(std::chrono::seconds(1),
                  std::chrono::ceil<std::chrono::seconds>(
                      access_.LoginWait(name, head.client)));
}

}  // namespace ocelli
