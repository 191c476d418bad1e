#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <functional>

#include "ocelli/v1/archive.pb.h"
#include "ocelli/v1/collections.pb.h"
#include "ocelli/v1/live.pb.h"
#include "ocelli/v1/people.pb.h"
#include "ocelli/v1/system.pb.h"
#include "ocelli/v1/vision.pb.h"
#include "service/operation.h"

namespace ocelli {

// For tests: what answers every method of the contract.
using TestCall = std::function<Result<>(
    const google::protobuf::MethodDescriptor&, const CallContext&,
    google::protobuf::Message& request, google::protobuf::Message& response)>;

// Every method that has one request and one answer.
inline OperationTable AllOperations(const TestCall& call) {
  using google::protobuf::Message;
  OperationTable table;
  auto& factory = *google::protobuf::MessageFactory::generated_factory();
  // By one of its messages, or the linker leaves the file out.
  for (const google::protobuf::Descriptor* const type :
       {v1::ListArchivesRequest::descriptor(), v1::SearchRequest::descriptor(),
        v1::StartLiveRequest::descriptor(), v1::AddFaceRequest::descriptor(),
        v1::GetStatusRequest::descriptor(),
        v1::RecognizeRequest::descriptor()}) {
    const auto& service = *type->file()->service(0);
    for (int i = 0; i < service.method_count(); ++i) {
      const auto* const method = service.method(i);
      if (method->client_streaming() || method->server_streaming()) continue;
      table.AddOperation(service.name() + "." + method->name(),
                         *factory.GetPrototype(method->input_type()),
                         *factory.GetPrototype(method->output_type()),
                         [call, method](const CallContext& context,
                                        Message& request, Message& response) {
                           return call(*method, context, request, response);
                         });
    }
  }
  return table;
}

}  // namespace ocelli
