#include "api/rest_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/test_rest.h"

namespace ocelli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;
using Message = google::protobuf::Message;
using Method = google::protobuf::MethodDescriptor;

// Answers with this message.
template <typename Response>
TestCall Answering(Response message) {
  return [message](const Method&, const CallContext&, Message&,
                   Message& response) -> Result<> {
    response.CopyFrom(message);
    return {};
  };
}

TestCall Failing(ErrorCode code, std::string why) {
  return [code, why](const Method&, const CallContext&, Message&,
                     Message&) -> Result<> { return Fail(code, why); };
}

TEST(RestHandlerTest, AnOperationIsCalledWithWhatTheRequestSays) {
  TestRest rest;
  rest.service.answer = [](const Method& method, const CallContext& context,
                           Message& request, Message& response) -> Result<> {
    EXPECT_EQ(method.name(), "AddFace");
    const auto& asked = static_cast<v1::AddFaceRequest&>(request);
    EXPECT_EQ(asked.name(), "Åsa Öst");
    EXPECT_EQ(asked.image().data(), "pixels");
    EXPECT_TRUE(asked.largest());
    EXPECT_EQ(context.client, "address 127.0.0.1");
    EXPECT_EQ(context.request_id, "id-of-server");
    EXPECT_EQ(context.caller.kind, CallerKind::kOpen);
    static_cast<v1::EnrolledFace&>(response).set_id(7);
    return {};
  };
  const HttpResponse response =
      rest.Send("POST", "/v1/people/Åsa Öst/faces", "image/jpeg", "pixels",
                {{"largest", "true"}});
  EXPECT_EQ(response.status, 201);
  const json body = json::parse(response.body);
  EXPECT_EQ(body["id"], "7");
  EXPECT_EQ(body["hasPicture"], false);
  EXPECT_FALSE(body.contains("box"));
  EXPECT_EQ(FieldOf(response, "Content-Type"), "application/json");
  EXPECT_EQ(FieldOf(response, "Cache-Control"), "no-store");
  EXPECT_EQ(FieldOf(response, "X-Request-Id"), "id-of-server");
  EXPECT_EQ(FieldOf(response, "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(FieldOf(response, "Access-Control-Allow-Origin"), "");
}

TEST(RestHandlerTest, NothingIsAnsweredWithoutABody) {
  TestRest rest;
  const auto response = rest.Ask(TestRest::Head("DELETE", "/v1/people/Ada"));
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.body, "");
}

TEST(RestHandlerTest, ErrorsAreProblems) {
  TestRest rest;
  rest.service.answer =
      Failing(ErrorCode::kNotFound, "no person \"A\r\nSet-Cookie: x\xff\"");
  const auto response = rest.Get("/v1/people/A");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(FieldOf(response, "Content-Type"), "application/problem+json");
  const json problem = json::parse(response.body);
  EXPECT_EQ(problem["type"], "about:blank");
  EXPECT_EQ(problem["title"], "Not Found");
  EXPECT_EQ(problem["status"], 404);
  EXPECT_EQ(problem["code"], "not_found");
  EXPECT_EQ(problem["requestId"], "id-of-server");
  EXPECT_EQ(problem["detail"], "no person \"A\r\nSet-Cookie: x\ufffd\"");
  for (const auto& [name, value] : response.fields) {
    EXPECT_EQ((name + value).find_first_of("\r\n"), std::string::npos);
  }
}

TEST(RestHandlerTest, WhatIsInternalStaysSo) {
  TestRest rest;
  rest.service.answer = Failing(ErrorCode::kInternal, "secret /etc/x");
  const auto response = rest.Get("/v1/people");
  EXPECT_EQ(response.status, 500);
  EXPECT_THAT(response.body, Not(HasSubstr("secret")));
}

TEST(RestHandlerTest, WhoShouldComeBackLaterIsToldWhen) {
  TestRest rest;
  rest.service.answer = Failing(ErrorCode::kUnavailable, "away");
  EXPECT_EQ(FieldOf(rest.Get("/v1/people"), "Retry-After"), "1");
  rest.service.answer = Failing(ErrorCode::kResourceExhausted, "full");
  const auto response = rest.Get("/v1/people");
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(FieldOf(response, "Retry-After"), "1");
}

TEST(RestHandlerTest, APictureIsThePictureItself) {
  TestRest rest;
  v1::Picture picture;
  picture.set_data("pixels");
  picture.set_content_type("image/svg+xml");
  picture.set_etag("abc");
  rest.service.answer = Answering(picture);
  const auto response = rest.Get("/v1/faces/1/picture");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "pixels");
  EXPECT_EQ(FieldOf(response, "Content-Type"), "image/svg+xml");
  EXPECT_EQ(FieldOf(response, "ETag"), "\"abc\"");
  EXPECT_EQ(FieldOf(response, "Cache-Control"), "private, no-cache");
  EXPECT_THAT(FieldOf(response, "Content-Security-Policy"),
              HasSubstr("sandbox"));
  for (const char* tags : {"\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*"}) {
    const auto again =
        rest.Get("/v1/faces/1/picture", {}, {{"If-None-Match", tags}});
    EXPECT_EQ(again.status, 304) << tags;
    EXPECT_EQ(again.body, "");
    EXPECT_EQ(FieldOf(again, "ETag"), "\"abc\"");
  }
  for (const char* tags : {"\"ab\"", "abc", "", ",,"}) {
    EXPECT_EQ(
        rest.Get("/v1/faces/1/picture", {}, {{"If-None-Match", tags}}).status,
        200);
  }
}

TEST(RestHandlerTest, UnknownPathsAndVerbsAreRefused) {
  TestRest rest;
  for (const char* path :
       {"/v1", "/v1/", "/v1/nothing", "/v1/people/", "/v1/people//faces",
        "/v1/people/a/b/c", "/v2/people.json", "/favicon.nope"}) {
    EXPECT_EQ(rest.Get(path).status, 404) << path;
  }
  const auto response = rest.Ask(TestRest::Head("PUT", "/v1/people/Ada"));
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(FieldOf(response, "Allow"), "GET, HEAD, PATCH, DELETE, OPTIONS");
  EXPECT_EQ(rest.Ask(TestRest::Head("GETT", "/v1/people")).status, 405);
  EXPECT_EQ(rest.Ask(TestRest::Head("POST", "/")).status, 405);
}

TEST(RestHandlerTest, OptionsAreToldWithoutLettingOtherSitesIn) {
  TestRest rest;
  const auto response = rest.Ask(TestRest::Head("OPTIONS", "/v1/keys"));
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(FieldOf(response, "Allow"), "GET, HEAD, POST, OPTIONS");
  for (const auto& [name, value] : response.fields) {
    EXPECT_THAT(name, Not(HasSubstr("Access-Control")));
  }
}

TEST(RestHandlerTest, HeadIsAsGet) {
  TestRest rest;
  const auto response = rest.Ask(TestRest::Head("HEAD", "/v1/people"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, rest.Get("/v1/people").body);
}

TEST(RestHandlerTest, WrongTypesAreToldTheRightOnes) {
  TestRest rest;
  const auto response =
      rest.Send("POST", "/v1/recognize", "text/plain", "pixels");
  EXPECT_EQ(response.status, 415);
  EXPECT_THAT(response.body, HasSubstr("image/*"));
  EXPECT_EQ(rest.Send("POST", "/v1/people/Ada/merge",
                      "application/x-www-form-urlencoded", "into=x")
                .status,
            415);
}

TEST(RestHandlerTest, BadBodiesAreNoReasonToCall) {
  TestRest rest;
  rest.service.answer = [](const Method&, const CallContext&, Message&,
                           Message&) -> Result<> {
    ADD_FAILURE() << "called";
    return {};
  };
  for (const auto& body : {std::string("{"), std::string("{\"imagee\": 1}"),
                           std::string(10'000, '['), std::string("\xff"),
                           std::string("{\"mesh\": \"perhaps\"}")}) {
    EXPECT_EQ(
        rest.Send("POST", "/v1/recognize", "application/json", body).status,
        400);
  }
  EXPECT_EQ(rest.Send("POST", "/v1/recognize", "multipart/form-data", "--x\r\n")
                .status,
            400);
  EXPECT_EQ(
      rest.Get("/v1/archive/a/frames", {{"limit", std::string(10'000, '9')}})
          .status,
      400);
  const auto response = rest.Get("/v1/people", {{std::string(9000, 'x'), ""}});
  EXPECT_EQ(response.status, 400);
}

TEST(RestHandlerTest, HowMuchMayComeDependsOnTheRoute) {
  RestOptions options;
  options.max_image_bytes = 5'000'000;
  TestRest rest(options);
  const auto most = [&](const char* path, const char* type) {
    HttpHead head = TestRest::Head("POST", path, {}, {{"Content-Type", type}});
    head.content_length = 1;
    return rest.handler->Admit(head).max_body_bytes;
  };
  EXPECT_EQ(most("/v1/recognize", "image/jpeg"), 5'000'000u);
  EXPECT_EQ(most("/v1/people/a/merge", "application/json"), 1u << 20);
  EXPECT_EQ(most("/v1/session", "application/json"), 16u << 10);
  EXPECT_EQ(
      rest.handler->Admit(TestRest::Head("GET", "/v1/people")).max_body_bytes,
      0u);
}

TEST(RestHandlerTest, ManyRequestsAtOnceAreRefused) {
  RequestLimits limits;
  limits.in_flight_of_client = 1;
  TestRest rest({}, limits);
  {
    const auto first = rest.handler->Admit(TestRest::Head("GET", "/v1/people"));
    EXPECT_FALSE(first.refusal);
    const auto second =
        rest.handler->Admit(TestRest::Head("GET", "/v1/people"));
    ASSERT_TRUE(second.refusal);
    EXPECT_EQ(second.refusal->status, 429);
    EXPECT_EQ(FieldOf(*second.refusal, "Retry-After"), "1");
    // Whether it lives can be asked nevertheless.
    EXPECT_EQ(rest.Get("/healthz").status, 200);
  }
  EXPECT_EQ(rest.Get("/v1/people").status, 200);
}

TEST(RestHandlerTest, AClientsOwnIdIsTakenIfItIsPlain) {
  TestRest rest;
  const auto id = [&](const std::string& sent) {
    return FieldOf(rest.Get("/healthz", {}, {{"X-Request-Id", sent}}),
                   "X-Request-Id");
  };
  EXPECT_EQ(id("a-B_c.9"), "a-B_c.9");
  for (const std::string& bad :
       {std::string("a b"), std::string("a\r\nX: y"), std::string("\"a\""),
        std::string(65, 'a'), std::string()}) {
    EXPECT_EQ(id(bad), "id-of-server");
  }
}

TEST(RestHandlerTest, HealthAndReadinessNeedNoKey) {
  TestRest rest;
  rest.access.Key("one", Scope::kRead);
  EXPECT_EQ(rest.Get("/healthz").status, 200);
  EXPECT_EQ(rest.Get("/readyz").status, 200);
  rest.service.is_ready = false;
  const auto response = rest.Get("/readyz");
  EXPECT_EQ(response.status, 503);
  EXPECT_NE(FieldOf(response, "Retry-After"), "");
  EXPECT_EQ(rest.Get("/healthz").status, 200);
}

TEST(RestHandlerTest, MetricsAreOpenOnLoopbackOnlyIfSoSet) {
  for (const bool open : {false, true}) {
    RestOptions options;
    options.open_metrics_on_loopback = open;
    TestRest rest(options);
    rest.access.Key("one", Scope::kRead);
    const auto response = rest.Get("/metrics");
    EXPECT_EQ(response.status, open ? 200 : 401);
    HttpHead away = TestRest::Head("GET", "/metrics");
    away.client = "192.0.2.1";
    EXPECT_EQ(rest.Ask(away).status, 401);
  }
}

TEST(RestHandlerTest, RequestsAreCountedByPatternsThatNameNobody) {
  TestRest rest;
  rest.Get("/v1/people/Ada");
  rest.Get("/v1/people/Ada", {{"x", "y"}});
  rest.Get("/v1/nothing/Ada");
  rest.handler->Admit(TestRest::Head("GET", "/v1/people/Ada"));  // Given up.
  const std::string text = rest.metrics.Text();
  const std::string route =
      "ocelli_api_http_requests_total{route=\"/v1/people/{name}\",status=\"";
  EXPECT_THAT(text, HasSubstr(route + "200\"} 1"));
  EXPECT_THAT(text, HasSubstr(route + "400\"} 1"));
  EXPECT_THAT(text, HasSubstr(route + "499\"} 1"));
  EXPECT_THAT(text, HasSubstr("route=\"none\",status=\"404\"} 1"));
  EXPECT_THAT(text, HasSubstr("ocelli_api_http_request_seconds"));
  EXPECT_THAT(text, Not(HasSubstr("Ada")));
}

TEST(RestHandlerTest, ProblemsOfTheServerLookTheSame) {
  TestRest rest;
  const auto response = rest.handler->Problem(431, "too long");
  EXPECT_EQ(response.status, 431);
  EXPECT_EQ(json::parse(response.body)["code"],
            "request_header_fields_too_large");
  EXPECT_EQ(FieldOf(response, "X-Frame-Options"), "DENY");
}

}  // namespace
}  // namespace ocelli
