#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/impl/client_unary_call.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/sync_stream.h>

#include <memory>
#include <string>

namespace ocelli {

// For tests: calls by the names of methods. Messages may be grpc::ByteBuffer.
class GrpcClient {
 public:
  explicit GrpcClient(const std::string& target,
                      const std::shared_ptr<grpc::ChannelCredentials>&
                          credentials = grpc::InsecureChannelCredentials(),
                      grpc::ChannelArguments arguments = {}) {
    // Or channels to one address would share a connection.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel_ = grpc::CreateCustomChannel(target, credentials, arguments);
  }

  template <typename Request, typename Response>
  grpc::Status Call(const char* method, const Request& request,
                    Response& response, grpc::ClientContext& context) {
    return grpc::internal::BlockingUnaryCall(
        channel_.get(), Method(method, grpc::internal::RpcMethod::NORMAL_RPC),
        &context, request, &response);
  }
  template <typename Response, typename Request>
  grpc::Status Call(const char* method, const Request& request,
                    const std::string& key = {}) {
    grpc::ClientContext context;
    AddKey(context, key);
    Response response;
    return Call(method, request, response, context);
  }

  template <typename Request, typename Response>
  std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> Stream(
      const char* method, grpc::ClientContext& context) {
    return std::unique_ptr<grpc::ClientReaderWriter<Request, Response>>(
        grpc::internal::ClientReaderWriterFactory<Request, Response>::Create(
            channel_.get(),
            Method(method, grpc::internal::RpcMethod::BIDI_STREAMING),
            &context));
  }

  static void AddKey(grpc::ClientContext& context, const std::string& key) {
    if (!key.empty()) context.AddMetadata("authorization", "Bearer " + key);
  }

 private:
  grpc::internal::RpcMethod Method(const char* name,
                                   grpc::internal::RpcMethod::RpcType type) {
    return {name, type, channel_};
  }

  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace ocelli
