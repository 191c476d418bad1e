#include "api/rest_handler.h"

#include <algorithm>
#include <utility>

#include "api/message_json.h"
#include "api/openapi.h"
#include "api/problem.h"
#include "api/request_ledger.h"
#include "api/rest_admission.h"
#include "api/rest_call.h"
#include "api/rest_routes.h"
#include "api/session_routes.h"
#include "api/status_codes.h"
#include "core/digest.h"
#include "core/log.h"
#include "ocelli/v1/picture.pb.h"

namespace ocelli {
namespace {

HttpResponse PlainText(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(text);
  response.fields = {{"Content-Type", "text/plain; charset=utf-8"},
                     {"Cache-Control", "no-store"}};
  return response;
}

HttpResponse PictureResponse(v1::Picture& picture, const HttpHead& head) {
  HttpResponse response;
  // An SVG must not run here what it brought along.
  response.fields = {{"Cache-Control", "private, no-cache"},
                     {"Content-Security-Policy",
                      "default-src 'none'; style-src 'unsafe-inline'; "
                      "sandbox"}};
  if (!picture.etag().empty()) {
    const std::string etag = "\"" + picture.etag() + "\"";
    response.fields.emplace_back("ETag", etag);
    if (MatchesEtag(head.Field("If-None-Match"), etag)) {
      response.status = 304;
      return response;
    }
  }
  response.fields.emplace_back("Content-Type", picture.content_type());
  response.body = std::move(*picture.mutable_data());
  return response;
}

class RestHandler final : public HttpHandler {
 public:
  RestHandler(const RestParts& parts, const RestOptions& options,
              const WebAssets& assets, const Clock& clock)
      : parts_(parts),
        clock_(clock),
        router_(MakeRestRoutes(parts.service.operations())),
        ledger_(parts.metrics),
        sessions_(parts.access, clock),
        watchers_(parts.live, parts.access, clock, options.live),
        admission_(parts, options, router_, assets, watchers_),
        openapi_(OpenApiJson(router_.routes(), options.version)),
        openapi_etag_("\"" + Sha256(openapi_).ToHex().substr(0, 32) + "\"") {}

  HttpVerdict Admit(const HttpHead& head) override {
    const auto call = std::make_shared<RestCall>(head, ledger_, clock_);
    HttpVerdict verdict;
    verdict.notes = call;
    if (auto problem = admission_.Check(head, *call, verdict)) {
      verdict.refusal = call->Finish(Refuse(*call, *problem));
    } else if (head.method == "OPTIONS") {
      HttpResponse response;
      response.status = 204;
      response.fields.emplace_back("Allow", call->allowed);
      verdict.refusal = call->Finish(std::move(response));
    }
    return verdict;
  }

  HttpResponse Handle(const HttpHead& head, std::string body,
                      const HttpVerdict& verdict,
                      const std::stop_token& stop) override {
    const auto call = std::static_pointer_cast<RestCall>(verdict.notes);
    call->entry.bytes_in = body.size();
    auto response = call->asset ? WebAssets::Serve(*call->asset, head)
                    : call->route->operation
                        ? CallOperation(head, std::move(body), *call, stop)
                        : ServeExtra(head, body, *call);
    return call->Finish(std::move(response));
  }

  std::unique_ptr<WebSocketHandler> OpenWebSocket(
      const HttpHead& head, const HttpVerdict& verdict) override;

  HttpResponse Problem(int status, const std::string& detail) override {
    HttpResponse response = ProblemResponse(ProblemOf(status, detail), "");
    AddSecurityFields(response);
    return response;
  }

 private:
  HttpResponse CallOperation(const HttpHead& head, std::string body,
                             RestCall& call, const std::stop_token& stop);
  HttpResponse ServeExtra(const HttpHead& head, std::string_view body,
                          RestCall& call);
  HttpResponse LogIn(const HttpHead& head, std::string_view body,
                     const RestCall& call);
  HttpResponse ChangePassword(const HttpHead& head, std::string_view body,
                              const RestCall& call);
  HttpResponse ServeOpenApi(const HttpHead& head) const;

  HttpResponse Refuse(const RestCall& call, const ocelli::Problem& problem) {
    return ProblemResponse(problem, call.entry.request_id);
  }
  HttpResponse Refuse(const RestCall& call, const Error& error) {
    if (error.code == ErrorCode::kInternal) {
      Log(LogLevel::kError, "request failed",
          {{"http.route", call.entry.route},
           {"error", error.message},
           {"http.request.id", call.entry.request_id}});
    }
    return Refuse(call, ProblemOf(error));
  }
  HttpResponse ResponseOr(const RestCall& call, Result<HttpResponse> response) {
    return response ? std::move(*response) : Refuse(call, response.error());
  }

  const RestParts parts_;
  const Clock& clock_;
  const RestRouter router_;
  RequestLedger ledger_;
  SessionRoutes sessions_;
  LiveWatchers watchers_;
  RestAdmission admission_;
  const std::string openapi_;
  const std::string openapi_etag_;
};

HttpResponse RestHandler::CallOperation(const HttpHead& head, std::string body,
                                        RestCall& call,
                                        const std::stop_token& stop) {
  const Operation& operation = *call.route->operation;
  RequestCounters::Running running(parts_.service.requests(), operation.name(),
                                   "rest");
  const std::unique_ptr<google::protobuf::Message> request(
      operation.request->New());
  const std::unique_ptr<google::protobuf::Message> answer(
      operation.response->New());
  const CallContext context{call.visitor.caller, call.client,
                            call.entry.request_id, stop};
  auto done = call.route->shape->Read(call.body, call.path, head,
                                      std::move(body), *request);
  if (done) {
    done = Call(operation, context, *request, *answer);
  }
  running.Ended(done ? "ok" : WordOf(done.error().code));
  if (!done) return Refuse(call, done.error());
  if (answer->GetDescriptor() == v1::Picture::descriptor()) {
    return PictureResponse(static_cast<v1::Picture&>(*answer), head);
  }
  HttpResponse response;
  response.status = call.route->status;
  if (response.status == 204) return response;
  response.fields = {{"Content-Type", "application/json"},
                     {"Cache-Control", "no-store"}};
  response.body = MessageJson(*answer);
  return response;
}

HttpResponse RestHandler::ServeExtra(const HttpHead& head,
                                     std::string_view body, RestCall& call) {
  switch (*call.route->extra) {
    case ExtraRoute::kLogIn:
      return LogIn(head, body, call);
    case ExtraRoute::kWhoAmI:
      return ResponseOr(call, sessions_.WhoAmI(call.visitor));
    case ExtraRoute::kLogOut:
      return ResponseOr(call, sessions_.LogOut(head));
    case ExtraRoute::kChangePassword:
      return ChangePassword(head, body, call);
    case ExtraRoute::kAlive:
      return PlainText(200, "alive\n");
    case ExtraRoute::kReady:
      if (parts_.service.ready()) return PlainText(200, "ready\n");
      return Refuse(call, Error{ErrorCode::kUnavailable,
                                "the models are not loaded yet"});
    case ExtraRoute::kMetrics: {
      HttpResponse response = PlainText(200, parts_.metrics.Text());
      response.fields[0].second = "text/plain; version=0.0.4; charset=utf-8";
      return response;
    }
    case ExtraRoute::kOpenApi:
      return ServeOpenApi(head);
    case ExtraRoute::kLiveMjpeg: {
      HttpResponse response;
      response.fields = {{"Content-Type", kMjpegType},
                         {"Cache-Control", "no-store"}};
      response.stream = [this, seat = std::exchange(call.seat, nullptr),
                         watch = LiveWatchers::Watch{call.watch,
                                                     LiveWatchers::Form::kMjpeg,
                                                     call.visitor.caller}](
                            std::shared_ptr<HttpStream> stream) {
        watchers_.Start(watch, seat, std::move(stream));
      };
      return response;
    }
    case ExtraRoute::kLiveEvents:  // Not without becoming a WebSocket.
      return Refuse(call, ProblemOf(426, "this is a WebSocket"));
  }
  return Refuse(call, ProblemOf(500, "no such route"));
}

HttpResponse RestHandler::LogIn(const HttpHead& head, std::string_view body,
                                const RestCall& call) {
  auto response = sessions_.LogIn(head, body);
  if (response) return std::move(*response);
  ocelli::Problem problem = ProblemOf(response.error());
  if (problem.status == 429) {
    problem.retry_after = sessions_.RetryAfter(NameInLogIn(body), head);
  }
  return Refuse(call, problem);
}

HttpResponse RestHandler::ChangePassword(const HttpHead& head,
                                         std::string_view body,
                                         const RestCall& call) {
  auto response = sessions_.ChangePassword(head, call.visitor, body);
  if (response) return std::move(*response);
  ocelli::Problem problem = ProblemOf(response.error());
  if (problem.status == 429) {
    problem.retry_after = sessions_.RetryAfter(call.visitor.caller.name, head);
  }
  return Refuse(call, problem);
}

HttpResponse RestHandler::ServeOpenApi(const HttpHead& head) const {
  HttpResponse response;
  response.fields = {{"ETag", openapi_etag_}, {"Cache-Control", "no-cache"}};
  if (MatchesEtag(head.Field("If-None-Match"), openapi_etag_)) {
    response.status = 304;
    return response;
  }
  response.fields.emplace_back("Content-Type", "application/json");
  response.body = openapi_;
  return response;
}

// Whoever listens to a video; says nothing.
class LiveEvents final : public WebSocketHandler {
 public:
  using Begin = std::function<void(std::shared_ptr<HttpStream>)>;
  explicit LiveEvents(Begin begin) : begin_(std::move(begin)) {}

  void Open(std::shared_ptr<HttpStream> stream) override {
    begin_(std::move(stream));
  }
  void Message(std::string) override {}
  void Gone() override {}  // The stream knows.

 private:
  const Begin begin_;
};

std::unique_ptr<WebSocketHandler> RestHandler::OpenWebSocket(
    const HttpHead&, const HttpVerdict& verdict) {
  const auto call = std::static_pointer_cast<RestCall>(verdict.notes);
  HttpResponse response;
  const bool is_there =
      call->route && call->route->extra == ExtraRoute::kLiveEvents;
  response.status = is_there ? 101 : 404;
  call->Finish(std::move(response));
  if (!is_there) return nullptr;
  return std::make_unique<LiveEvents>(
      [this, seat = std::exchange(call->seat, nullptr),
       watch = LiveWatchers::Watch{call->watch, LiveWatchers::Form::kEvents,
                                   call->visitor.caller}](
          std::shared_ptr<HttpStream> stream) {
        watchers_.Start(watch, seat, std::move(stream));
      });
}

}  // namespace

std::unique_ptr<HttpHandler> MakeRestHandler(const RestParts& parts,
                                             const RestOptions& options,
                                             const WebAssets& assets,
                                             const Clock& clock) {
  return std::make_unique<RestHandler>(parts, options, assets, clock);
}

}  // namespace ocelli
