#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "api/grpc_entrance.h"
#include "api/grpc_status.h"
#include "api/test_grpc.h"
#include "api/test_grpc_client.h"
#include "grpc/health/v1/health.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"

namespace ocelli {
namespace {

namespace health = grpc::health::v1;
namespace reflection = grpc::reflection::v1alpha;
using std::chrono_literals::operator""ms;
using ::testing::IsSupersetOf;

constexpr char kCheck[] = "/grpc.health.v1.Health/Check";
constexpr char kWatch[] = "/grpc.health.v1.Health/Watch";
constexpr char kReflect[] =
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

health::HealthCheckRequest Of(const std::string& service) {
  health::HealthCheckRequest request;
  request.set_service(service);
  return request;
}

TEST(GrpcHealth, ServesOnceTheServiceIsReadyAlsoWhenLocked) {
  TestGrpc grpc;
  grpc.access.Key("any", Scope::kRead);
  grpc.service.is_ready = false;
  GrpcClient client(grpc.target());
  const auto check = [&](const std::string& service) {
    grpc::ClientContext context;
    health::HealthCheckResponse response;
    EXPECT_TRUE(client.Call(kCheck, Of(service), response, context).ok());
    return response.status();
  };
  EXPECT_EQ(check(""), health::HealthCheckResponse::NOT_SERVING);
  grpc.service.is_ready = true;
  EXPECT_EQ(check(""), health::HealthCheckResponse::SERVING);
  EXPECT_EQ(check("ocelli.v1.Vision"), health::HealthCheckResponse::SERVING);
  EXPECT_EQ(
      client.Call<health::HealthCheckResponse>(kCheck, Of("nope")).error_code(),
      grpc::NOT_FOUND);
}

TEST(GrpcHealth, TellsWhoWatchesWhatChanges) {
  GrpcServerOptions options;
  options.check_every = 1ms;
  TestGrpc grpc(options);
  grpc.service.is_ready = false;
  GrpcClient client(grpc.target());
  grpc::ClientContext context;
  const auto stream =
      client.Stream<health::HealthCheckRequest, health::HealthCheckResponse>(
          kWatch, context);
  stream->Write(Of(""));
  stream->WritesDone();
  health::HealthCheckResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), health::HealthCheckResponse::NOT_SERVING);
  grpc.service.is_ready = true;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), health::HealthCheckResponse::SERVING);
  EXPECT_TRUE(grpc.server->Drain(std::chrono::minutes(1)));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), health::HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(stream->Finish().error_code(), grpc::UNAVAILABLE);
}

TEST(GrpcHealth, OneAddressCannotTakeAllPlaces) {
  GrpcServerOptions options;
  options.without_key.in_flight_of_client = 1;
  TestGrpc grpc(options);
  GrpcClient client(grpc.target());
  grpc::ClientContext context;
  const auto stream =
      client.Stream<health::HealthCheckRequest, health::HealthCheckResponse>(
          kWatch, context);
  stream->Write(Of(""));
  health::HealthCheckResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(
      client.Call<health::HealthCheckResponse>(kCheck, Of("")).error_code(),
      grpc::RESOURCE_EXHAUSTED);
  context.TryCancel();
}

struct Reflection {
  explicit Reflection(TestGrpc& grpc) : client(grpc.target()) {
    stream =
        client.Stream<reflection::ServerReflectionRequest,
                      reflection::ServerReflectionResponse>(kReflect, context);
  }
  reflection::ServerReflectionResponse Ask(
      const reflection::ServerReflectionRequest& request) {
    reflection::ServerReflectionResponse response;
    EXPECT_TRUE(stream->Write(request));
    EXPECT_TRUE(stream->Read(&response));
    return response;
  }
  GrpcClient client;
  grpc::ClientContext context;
  std::unique_ptr<
      grpc::ClientReaderWriter<reflection::ServerReflectionRequest,
                               reflection::ServerReflectionResponse>>
      stream;
};

TEST(GrpcReflection, ListsTheServicesAlsoWhenLocked) {
  TestGrpc grpc;
  grpc.access.Key("any", Scope::kRead);
  Reflection reflect(grpc);
  reflection::ServerReflectionRequest request;
  request.set_list_services("");
  const auto answer = reflect.Ask(request);
  std::set<std::string> names;
  for (const auto& service : answer.list_services_response().service()) {
    names.insert(service.name());
  }
  EXPECT_THAT(names, IsSupersetOf({"ocelli.v1.Vision", "ocelli.v1.People",
                                   "ocelli.v1.System", "ocelli.v1.Live",
                                   "grpc.health.v1.Health"}));
  reflect.stream->WritesDone();
  EXPECT_TRUE(reflect.stream->Finish().ok());
}

TEST(GrpcReflection, SendsAFileWithAllThatItImports) {
  TestGrpc grpc;
  Reflection reflect(grpc);
  reflection::ServerReflectionRequest request;
  request.set_file_containing_symbol("ocelli.v1.Vision");
  const auto answer = reflect.Ask(request);
  google::protobuf::DescriptorPool pool;
  const auto& files = answer.file_descriptor_response().file_descriptor_proto();
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    google::protobuf::FileDescriptorProto proto;
    ASSERT_TRUE(proto.ParseFromString(*file));
    if (!pool.FindFileByName(proto.name())) pool.BuildFile(proto);
  }
  const auto* const service = pool.FindServiceByName("ocelli.v1.Vision");
  ASSERT_NE(service, nullptr);
  EXPECT_NE(service->FindMethodByName("StreamFrames"), nullptr);
}

TEST(GrpcReflection, TellsWhatIsNotThere) {
  TestGrpc grpc;
  Reflection reflect(grpc);
  reflection::ServerReflectionRequest request;
  EXPECT_EQ(reflect.Ask(request).error_response().error_code(),
            grpc::INVALID_ARGUMENT);
  request.set_file_by_filename("nope.proto");
  EXPECT_EQ(reflect.Ask(request).error_response().error_code(),
            grpc::NOT_FOUND);
  // In the program, but no part of the service.
  request.set_file_by_filename("ocelli/v1/session.proto");
  EXPECT_EQ(reflect.Ask(request).error_response().error_code(),
            grpc::NOT_FOUND);
  request.mutable_file_containing_extension()->set_containing_type(
      "google.protobuf.MethodOptions");
  request.mutable_file_containing_extension()->set_extension_number(51001);
  EXPECT_GT(reflect.Ask(request)
                .file_descriptor_response()
                .file_descriptor_proto_size(),
            0);
  request.set_all_extension_numbers_of_type("google.protobuf.MethodOptions");
  EXPECT_EQ(
      reflect.Ask(request).all_extension_numbers_response().extension_number(0),
      51001);
}

TEST(GrpcStatus, HasTheNumbersOfTheProtocol) {
  EXPECT_EQ(GrpcStatusOf(ErrorCode::kCancelled), 1);
  EXPECT_EQ(GrpcStatusOf(ErrorCode::kInvalidArgument), 3);
  EXPECT_EQ(GrpcStatusOf(ErrorCode::kDeadlineExceeded), 4);
  EXPECT_EQ(GrpcStatusOf(ErrorCode::kNotFound), 5);
  EXPECT_EQ(GrpcStatusOf(ErrorCode::kAlreadyExists), 6);
  EXPECT_EQ(GrpcStatusOf(ErrorCode::kPermissionDenied), 7);
  EXPECT_EQ(GrpcStatusOf(ErrorCode::kResourceExhausted), 8);
  EXPECT_EQ(GrpcStatusOf(ErrorCode::kFailedPrecondition), 9);
  EXPECT_EQ(GrpcStatusOf(ErrorCode::kUnimplemented), 12);
  EXPECT_EQ(GrpcStatusOf(ErrorCode::kInternal), 13);
  EXPECT_EQ(GrpcStatusOf(ErrorCode::kUnavailable), 14);
  EXPECT_EQ(GrpcStatusOf(ErrorCode::kDataLoss), 15);
  EXPECT_EQ(GrpcStatusOf(ErrorCode::kUnauthenticated), 16);
}

TEST(GrpcPeer, IsAnAddressWithoutItsPort) {
  EXPECT_EQ(AddressOfPeer("ipv4:127.0.0.1:5555"), "127.0.0.1");
  EXPECT_EQ(AddressOfPeer("ipv6:%5B::1%5D:5555"), "::1");
  EXPECT_EQ(AddressOfPeer("ipv6:[fe80::1]:5555"), "fe80::1");
  EXPECT_EQ(AddressOfPeer("unknown"), "unknown");
}

}  // namespace
}  // namespace ocelli
