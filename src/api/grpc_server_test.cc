#include "api/grpc_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <latch>
#include <thread>

#include "api/test_grpc.h"
#include "api/test_grpc_client.h"

namespace ocelli {
namespace {

using std::chrono_literals::operator""ms;
using ::testing::HasSubstr;

constexpr char kRecognize[] = "/ocelli.v1.Vision/Recognize";
constexpr char kRename[] = "/ocelli.v1.People/RenamePerson";
constexpr char kListKeys[] = "/ocelli.v1.System/ListKeys";

grpc::Status Recognize(GrpcClient& client, const std::string& key = {}) {
  return client.Call<v1::RecognizeResponse>(kRecognize, v1::RecognizeRequest(),
                                            key);
}

// Holds calls of Recognize until they are let go.
struct Held {
  explicit Held(TestGrpc& grpc, int calls = 1) : came(calls) {
    grpc.service.recognize = [this](const CallContext& context, auto&) {
      contexts.push_back(context);
      came.count_down();
      gone.wait();
      return Result<v1::RecognizeResponse>();
    };
  }
  std::latch came;
  std::vector<CallContext> contexts;
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
};

TEST(GrpcServer, CarriesMessagesThereAndBack) {
  TestGrpc grpc;
  grpc.service.recognize =
      [](const CallContext&,
         v1::RecognizeRequest& asked) -> Result<v1::RecognizeResponse> {
    v1::RecognizeResponse response;
    response.mutable_analysis()->set_path(asked.image().data());
    return response;
  };
  GrpcClient client(grpc.target());
  v1::RecognizeRequest request;
  request.mutable_image()->set_data(std::string(300'000, 'x'));
  grpc::ClientContext context;
  v1::RecognizeResponse response;
  ASSERT_TRUE(client.Call(kRecognize, request, response, context).ok());
  EXPECT_EQ(response.analysis().path(), request.image().data());
  EXPECT_EQ(context.GetServerInitialMetadata().count("x-request-id"), 1u);
}

TEST(GrpcServer, EveryOperationOfTheTableCanBeReached) {
  TestGrpc grpc;
  const std::string key = grpc.access.Key("root", Scope::kAdmin);
  GrpcClient client(grpc.target());
  for (const Operation& operation : grpc.service.operations().all()) {
    const std::string path = "/" + operation.method->service()->full_name() +
                             "/" + operation.method->name();
    EXPECT_TRUE(
        client.Call<grpc::ByteBuffer>(path.c_str(), v1::ListKeysRequest(), key)
            .ok())
        << path;
  }
}

TEST(GrpcServer, AMethodThatIsNotThereIsUnimplemented) {
  TestGrpc grpc;
  GrpcClient client(grpc.target());
  EXPECT_EQ(client
                .Call<grpc::ByteBuffer>("/ocelli.v1.Vision/Nope",
                                        v1::ListKeysRequest())
                .error_code(),
            grpc::UNIMPLEMENTED);
}

TEST(GrpcServer, AnErrorComesAsItsStatusWithItsMessage) {
  TestGrpc grpc;
  grpc.service.recognize = [](auto&, auto&) -> Result<v1::RecognizeResponse> {
    return Fail(ErrorCode::kDataLoss,
                "no picture: \xc3\xa4 " + std::string(100'000, '.'));
  };
  GrpcClient client(grpc.target());
  const grpc::Status status = Recognize(client);
  EXPECT_EQ(status.error_code(), grpc::DATA_LOSS);
  EXPECT_THAT(status.error_message(), HasSubstr("no picture: \xc3\xa4"));
}

TEST(GrpcServer, BytesThatAreNoMessageAreRefused) {
  TestGrpc grpc;
  GrpcClient client(grpc.target());
  const grpc::Slice slice("\xff\xff\xff");
  const auto status =
      client.Call<grpc::ByteBuffer>(kRecognize, grpc::ByteBuffer(&slice, 1));
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("RecognizeRequest"));
}

TEST(GrpcServer, AMessageThatIsTooLargeIsRefused) {
  GrpcServerOptions options;
  options.max_message_bytes = 1000;
  TestGrpc grpc(options);
  GrpcClient client(grpc.target());
  v1::RecognizeRequest request;
  request.mutable_image()->set_data(std::string(2000, 'x'));
  EXPECT_EQ(
      client.Call<v1::RecognizeResponse>(kRecognize, request).error_code(),
      grpc::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Recognize(client).ok());
}

TEST(GrpcServer, CompressedMessagesAreRefusedBeforeTheyGrow) {
  TestGrpc grpc;
  GrpcClient client(grpc.target());
  v1::RecognizeRequest request;
  request.mutable_image()->set_data(std::string(1'000'000, 'x'));
  grpc::ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  v1::RecognizeResponse response;
  EXPECT_EQ(client.Call(kRecognize, request, response, context).error_code(),
            grpc::UNIMPLEMENTED);
}

TEST(GrpcServer, AnOpenServiceTakesWhoBringsNothingButNotForAll) {
  TestGrpc grpc;
  GrpcClient client(grpc.target());
  EXPECT_TRUE(Recognize(client).ok());
  EXPECT_EQ(client.Call<v1::ListKeysResponse>(kListKeys, v1::ListKeysRequest())
                .error_code(),
            grpc::PERMISSION_DENIED);
}

TEST(GrpcServer, ALockedServiceTakesKeysForWhatTheyMay) {
  TestGrpc grpc;
  const std::string reader = grpc.access.Key("reader", Scope::kRead);
  const std::string short_lived =
      grpc.access.Key("old", Scope::kRead, std::chrono::seconds(10));
  GrpcClient client(grpc.target());
  const auto code = [&](const char* method, const std::string& key) {
    return client.Call<grpc::ByteBuffer>(method, v1::ListKeysRequest(), key)
        .error_code();
  };
  EXPECT_EQ(code(kRecognize, ""), grpc::UNAUTHENTICATED);
  EXPECT_EQ(code(kRecognize, "ocelli_wrong"), grpc::UNAUTHENTICATED);
  EXPECT_EQ(code(kRecognize, reader), grpc::OK);
  EXPECT_EQ(code(kRename, reader), grpc::PERMISSION_DENIED);
  EXPECT_EQ(code(kListKeys, reader), grpc::PERMISSION_DENIED);
  EXPECT_EQ(code(kRecognize, short_lived), grpc::OK);
  grpc.access.clock.Advance(std::chrono::seconds(11));
  EXPECT_EQ(code(kRecognize, short_lived), grpc::UNAUTHENTICATED);

  grpc::ClientContext two;
  GrpcClient::AddKey(two, reader);
  GrpcClient::AddKey(two, "ocelli_wrong");
  v1::RecognizeResponse response;
  EXPECT_EQ(client.Call(kRecognize, v1::RecognizeRequest(), response, two)
                .error_code(),
            grpc::UNAUTHENTICATED);
}

TEST(GrpcServer, SaysWhoAsks) {
  TestGrpc grpc;
  CallContext seen;
  grpc.service.recognize = [&](const CallContext& context, auto&) {
    seen = context;
    return Result<v1::RecognizeResponse>();
  };
  GrpcClient client(grpc.target());
  ASSERT_TRUE(Recognize(client).ok());
  EXPECT_EQ(seen.client, "address 127.0.0.1");
  EXPECT_EQ(seen.caller.kind, CallerKind::kOpen);

  const std::string key = grpc.access.Key("ci", Scope::kRead);
  grpc::ClientContext context;
  GrpcClient::AddKey(context, key);
  context.AddMetadata("x-request-id", "mine-7");
  v1::RecognizeResponse response;
  ASSERT_TRUE(
      client.Call(kRecognize, v1::RecognizeRequest(), response, context).ok());
  EXPECT_EQ(seen.client, "key " + seen.caller.id);
  EXPECT_EQ(seen.caller.name, "ci");
  EXPECT_EQ(seen.request_id, "mine-7");
}

// Waits as operations do; says why it gave up.
Result<v1::RecognizeResponse> WaitForStop(const CallContext& context) {
  std::promise<void> stopped;
  const std::stop_callback on_stop(context.stop, [&] { stopped.set_value(); });
  stopped.get_future().wait();
  return Fail(ErrorCode::kCancelled, "gave up");
}

TEST(GrpcServer, ADeadlineReachesTheOperation) {
  TestGrpc grpc;
  std::atomic<bool> came = false;
  grpc.service.recognize = [&](const CallContext& context, auto&) {
    came = true;
    return WaitForStop(context);
  };
  GrpcClient client(grpc.target());
  // A short one may be over before the operation begins.
  for (auto patience = 50ms; !came; patience *= 2) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + patience);
    v1::RecognizeResponse response;
    EXPECT_EQ(client.Call(kRecognize, v1::RecognizeRequest(), response, context)
                  .error_code(),
              grpc::DEADLINE_EXCEEDED);
  }
  // It waits for the operation.
  grpc.server.reset();
  EXPECT_THAT(grpc.metrics.Text(), HasSubstr("code=\"deadline_exceeded\""));
}

TEST(GrpcServer, WhoCancelsStopsTheOperation) {
  TestGrpc grpc;
  std::promise<void> began;
  std::promise<void> gave_up;
  grpc.service.recognize = [&](const CallContext& context, auto&) {
    began.set_value();
    auto result = WaitForStop(context);
    gave_up.set_value();
    return result;
  };
  GrpcClient client(grpc.target());
  grpc::ClientContext context;
  std::jthread canceller([&] {
    began.get_future().wait();
    context.TryCancel();
  });
  v1::RecognizeResponse response;
  EXPECT_EQ(client.Call(kRecognize, v1::RecognizeRequest(), response, context)
                .error_code(),
            grpc::CANCELLED);
  gave_up.get_future().wait();
}

TEST(GrpcServer, MoreThanMayBeInFlightAreRefusedAtOnce) {
  TestGrpc grpc({}, {.in_flight = 1, .in_flight_of_client = 1});
  Held held(grpc);
  GrpcClient client(grpc.target());
  std::jthread first([&] { EXPECT_TRUE(Recognize(client).ok()); });
  held.came.wait();
  grpc::ClientContext context;
  v1::RecognizeResponse response;
  const auto refused =
      client.Call(kRecognize, v1::RecognizeRequest(), response, context);
  EXPECT_EQ(refused.error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("try again in"));
  EXPECT_EQ(context.GetServerTrailingMetadata().count("grpc-retry-pushback-ms"),
            1u);
  held.go.set_value();
  first.join();
  EXPECT_TRUE(Recognize(client).ok());
}

TEST(GrpcServer, ARequestThatDoesNotComeWholeGivesItsPlaceBack) {
  GrpcServerOptions options;
  options.message_timeout = 1ms;
  options.check_every = 1ms;
  TestGrpc grpc(options);
  GrpcClient client(grpc.target());
  grpc::ClientContext context;
  const auto stream =
      client.Stream<grpc::ByteBuffer, grpc::ByteBuffer>(kRecognize, context);
  grpc::ByteBuffer none;
  EXPECT_FALSE(stream->Read(&none));
  EXPECT_EQ(stream->Finish().error_code(), grpc::DEADLINE_EXCEEDED);
  EXPECT_EQ(grpc.gate.in_flight(), 0);
}

TEST(GrpcServer, DrainWaitsForWhatIsUnderWay) {
  TestGrpc grpc;
  Held held(grpc);
  GrpcClient client(grpc.target());
  std::jthread call([&] { EXPECT_TRUE(Recognize(client).ok()); });
  held.came.wait();
  auto drained = std::async(std::launch::async, [&] {
    return grpc.server->Drain(std::chrono::minutes(1));
  });
  while (client.Call<v1::PersonSummary>(kRename, v1::RenamePersonRequest())
             .error_code() != grpc::UNAVAILABLE) {
    std::this_thread::yield();
  }
  held.go.set_value();
  EXPECT_TRUE(drained.get());
}

TEST(GrpcServer, DrainCancelsWhatTakesTooLong) {
  TestGrpc grpc;
  std::promise<void> began;
  grpc.service.recognize = [&](const CallContext& context, auto&) {
    began.set_value();
    return WaitForStop(context);
  };
  GrpcClient client(grpc.target());
  std::jthread call([&] { EXPECT_FALSE(Recognize(client).ok()); });
  began.get_future().wait();
  EXPECT_FALSE(grpc.server->Drain(10ms));
}

TEST(GrpcServer, CountsRequests) {
  TestGrpc grpc;
  GrpcClient client(grpc.target());
  ASSERT_TRUE(Recognize(client).ok());
  EXPECT_THAT(grpc.metrics.Text(),
              HasSubstr("ocelli_api_grpc_requests_total{code=\"ok\",method="
                        "\"ocelli.v1.Vision.Recognize\"} 1"));
  EXPECT_EQ(grpc.service.requests().requests(), 1u);
  EXPECT_EQ(grpc.service.requests().in_flight(), 0u);
}

TEST(GrpcServer, APortThatIsTakenIsUnavailable) {
  TestGrpc grpc;
  GrpcServerOptions options;
  options.port = grpc.server->port();
  const auto second = GrpcServer::Start(options, {grpc.service,
                                                  *grpc.access.store,
                                                  grpc.board,
                                                  {},
                                                  grpc.gate,
                                                  grpc.metrics});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  options.address = "localhost";
  EXPECT_EQ(GrpcServer::Start(options, {grpc.service,
                                        *grpc.access.store,
                                        grpc.board,
                                        {},
                                        grpc.gate,
                                        grpc.metrics})
                .error()
                .code,
            ErrorCode::kInvalidArgument);
}

std::size_t Entries(const char* folder) {
  const std::filesystem::directory_iterator entries(folder);
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

TEST(GrpcServer, LeavesNoThreadAndNoDescriptorBehind) {
  const auto once = [] {
    TestGrpc grpc;
    GrpcClient client(grpc.target());
    EXPECT_TRUE(Recognize(client).ok());
  };
  // gRPC keeps a few threads of its own for the whole process.
  for (int i = 0; i < 3; ++i) once();
  const std::size_t descriptors = Entries("/proc/self/fd");
  const std::size_t threads = Entries("/proc/self/task");
  for (int i = 0; i < 10; ++i) once();
  EXPECT_LE(Entries("/proc/self/fd"), descriptors + 2);
  EXPECT_LE(Entries("/proc/self/task"), threads + 2);
}

}  // namespace
}  // namespace ocelli
