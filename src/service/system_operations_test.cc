#include <gmock/gmock.h>
#include <google/protobuf/empty.pb.h>
#include <gtest/gtest.h>

#include "ocelli/v1/system.pb.h"
#include "ocelli/v1/vision.pb.h"
#include "service/test_service.h"

namespace ocelli {
namespace {

using google::protobuf::Empty;
using std::chrono::milliseconds;
using testing::ElementsAre;

v1::ServiceStatus Status(const TestService& service) {
  return service
      .Ask<v1::ServiceStatus>("System.GetStatus", v1::GetStatusRequest())
      .value();
}

v1::CreateKeyRequest Key(const std::string& name, const std::string& scope) {
  v1::CreateKeyRequest request;
  request.set_name(name);
  request.add_scopes(scope);
  return request;
}

TEST(SystemOperationsTest, TheStatusCountsPicturesAndPeople) {
  TestService service;
  service.Know("ada", {TestFace(1)});
  ASSERT_TRUE(service.gallery->Add("Ada", TestFace(1), Sha256("ada"), "test"));
  v1::RecognizeRequest request;
  *request.mutable_image() = TestImage("ada");
  ASSERT_TRUE(service.Ask<v1::RecognizeResponse>("Vision.Recognize", request));
  const auto status = Status(service);
  EXPECT_EQ(status.version(), "test");
  EXPECT_FALSE(status.ready());
  EXPECT_FALSE(status.locked());
  EXPECT_EQ(status.images(), 1u);
  EXPECT_EQ(status.images_cached(), 1u);
  EXPECT_EQ(status.people(), 1u);
  EXPECT_EQ(status.at_models(), 0u);
  EXPECT_GT(status.memory_bytes(), 1u << 20);
  EXPECT_GT(status.processor_seconds(), 0);
  EXPECT_EQ(status.started().seconds(), status.now().seconds());
  service.access.Key("ci", Scope::kRead);
  EXPECT_TRUE(Status(service).locked());
}

TEST(SystemOperationsTest, RequestsAreCountedByHowTheyEnd) {
  TestService service;
  RequestCounters& requests = service.service->requests();
  {
    RequestCounters::Running good(requests, "Vision.Recognize", "grpc");
    RequestCounters::Running bad(requests, "Vision.Recognize", "rest");
    EXPECT_EQ(requests.in_flight(), 2u);
    service.access.clock.Advance(milliseconds(10));
    good.Ended("ok");
    bad.Ended("not_found");
    RequestCounters::Running moved(std::move(good));
  }
  EXPECT_EQ(requests.in_flight(), 0u);
  EXPECT_EQ(requests.requests(), 2u);
  EXPECT_EQ(requests.failed(), 1u);
  const std::string text = service.metrics.Text();
  EXPECT_THAT(text,
              testing::HasSubstr("ocelli_service_requests_total{operation="
                                 "\"Vision.Recognize\",outcome=\"not_found\","
                                 "transport=\"rest\"} 1"));
  const auto status = Status(service);
  EXPECT_EQ(status.requests(), 2u);
  EXPECT_NEAR(status.latency_p50(), 0.010, 0.001);
}

TEST(SystemOperationsTest, LatenciesAreThoseOfTheLastMinute) {
  TestService service;
  RequestCounters& requests = service.service->requests();
  const auto answer = [&](int count, milliseconds took) {
    for (int i = 0; i < count; ++i) {
      RequestCounters::Running running(requests, "Live.ListLive", "rest");
      service.access.clock.Advance(took);
      running.Ended("ok");
    }
  };
  EXPECT_EQ(requests.Percentile(.5), 0);
  answer(98, milliseconds(1));
  answer(2, milliseconds(500));
  EXPECT_NEAR(requests.Percentile(.5), 0.001, 0.0001);
  EXPECT_NEAR(requests.Percentile(.99), 0.5, 0.05);
  service.access.clock.Advance(std::chrono::seconds(70));
  EXPECT_EQ(requests.Percentile(.5), 0);
  answer(1, milliseconds(20));
  EXPECT_NEAR(requests.Percentile(.99), 0.02, 0.002);
}

TEST(SystemOperationsTest, KeysAreMadeListedAndRevoked) {
  TestService service;
  auto request = Key("ci", "read");
  request.add_scopes("write");
  request.mutable_expires()->set_seconds(1'900'000'000);
  const auto made =
      service.Ask<v1::CreateKeyResponse>("System.CreateKey", request);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->key().name(), "ci");
  EXPECT_THAT(made->key().scopes(), ElementsAre("read", "write"));
  EXPECT_EQ(made->key().expires().seconds(), 1'900'000'000);
  const auto caller = service.access.store->CallerOfKey(made->text());
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->name, "ci");
  const auto list = service.Ask<v1::ListKeysResponse>("System.ListKeys",
                                                      v1::ListKeysRequest());
  ASSERT_EQ(list.value().keys_size(), 1);
  EXPECT_EQ(list->DebugString().find(made->text()), std::string::npos);
  EXPECT_FALSE(list->keys(0).has_revoked());
  v1::RevokeKeyRequest revoke;
  revoke.set_name("ci");
  ASSERT_TRUE(service.Ask<Empty>("System.RevokeKey", revoke));
  EXPECT_FALSE(service.access.store->CallerOfKey(made->text()));
  EXPECT_EQ(service.CodeOf("System.RevokeKey", revoke), ErrorCode::kNotFound);
  EXPECT_TRUE(
      service
          .Ask<v1::ListKeysResponse>("System.ListKeys", v1::ListKeysRequest())
          ->keys(0)
          .has_revoked());
}

TEST(SystemOperationsTest, SenselessKeysAreRefused) {
  TestService service;
  EXPECT_EQ(service.CodeOf("System.CreateKey", Key("ci", "root")),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(service.CodeOf("System.CreateKey", Key("", "read")),
            ErrorCode::kInvalidArgument);
  auto request = Key("ci", "read");
  request.clear_scopes();
  EXPECT_EQ(service.CodeOf("System.CreateKey", request),
            ErrorCode::kInvalidArgument);
  for (const std::int64_t seconds :
       {std::int64_t{1}, std::int64_t{-1},
        std::numeric_limits<std::int64_t>::max(),
        std::numeric_limits<std::int64_t>::min()}) {
    request = Key("ci", "read");
    request.mutable_expires()->set_seconds(seconds);
    EXPECT_EQ(service.CodeOf("System.CreateKey", request),
              ErrorCode::kInvalidArgument)
        << seconds;
  }
}

TEST(SystemOperationsTest, TheAuditLogComesInPages) {
  TestService service;
  for (const char* name : {"a", "b", "c"}) {
    ASSERT_TRUE(service.Ask<v1::CreateKeyResponse>("System.CreateKey",
                                                   Key(name, "read")));
  }
  v1::ListAuditRequest request;
  request.set_limit(2);
  const auto page =
      service.Ask<v1::ListAuditResponse>("System.ListAudit", request);
  ASSERT_EQ(page.value().entries_size(), 2);
  EXPECT_EQ(page->entries(0).subject(), "c");
  EXPECT_EQ(page->entries(0).by(), "key \"test\"");
  EXPECT_EQ(page->entries(0).action(), "create");
  request.set_before(page->entries(1).id());
  EXPECT_EQ(service.Ask<v1::ListAuditResponse>("System.ListAudit", request)
                ->entries(0)
                .subject(),
            "a");
  request.set_before(-1);
  EXPECT_EQ(service.CodeOf("System.ListAudit", request),
            ErrorCode::kInvalidArgument);
  request.set_before(0);
  request.set_limit(1001);
  EXPECT_EQ(service.CodeOf("System.ListAudit", request),
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace ocelli
