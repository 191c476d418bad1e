#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/caller.h"
#include "core/check.h"
#include "core/result.h"
#include "ocelli/v1/route.pb.h"
#include "service/call_context.h"

namespace ocelli {

// One method of proto/ocelli/v1, however it is called. gRPC, REST and
// /openapi.json are made from these; what a route is and who may call it says
// the method's own option (route.proto).
struct Operation {
  const google::protobuf::MethodDescriptor* method = nullptr;
  const google::protobuf::Message* request = nullptr;   // Of its type.
  const google::protobuf::Message* response = nullptr;  // Likewise.
  // Takes the request apart: large fields are moved out of it.
  std::function<Result<>(const CallContext&, google::protobuf::Message& request,
                         google::protobuf::Message& response)>
      call;

  const v1::Route& route() const {
    return method->options().GetExtension(v1::route);
  }
  std::string name() const { return method->full_name(); }
};

// Which right a method needs.
Action ActionOf(const v1::Route& route);

// The operations that there are. Filled at the start, then read by all.
class OperationTable {
 public:
  // `handler` is Result<Response>(const CallContext&, Request&);  `name`:
  // "Vision.Recognize". Streaming methods have none: their transport knows
  // them (service/frame_streams.h, service/live_board.h).
  template <typename Request, typename Response, typename Handler>
  void Add(std::string_view name, Handler handler) {
    AddOperation(
        name, Request::default_instance(), Response::default_instance(),
        [handler = std::move(handler)](
            const CallContext& context, google::protobuf::Message& request,
            google::protobuf::Message& response) -> Result<> {
          auto answer = handler(context, static_cast<Request&>(request));
          if (!answer) return answer.Failure();
          static_cast<Response&>(response) = std::move(*answer);
          return {};
        });
  }

  const std::vector<Operation>& all() const { return operations_; }
  // "ocelli.v1.Vision.Recognize"; null: there is none.
  const Operation* Find(std::string_view full_name) const;

  // Likewise, of types that only the descriptors know; the messages live as
  // long as the program.
  void AddOperation(std::string_view name,
                    const google::protobuf::Message& request,
                    const google::protobuf::Message& response,
                    decltype(Operation::call) call);

 private:
  std::vector<Operation> operations_;
};

// Checks the caller's right, then calls, within the caller's WorkScope.
// kCancelled where its time is over before that. Long messages are cut.
Result<> Call(const Operation& operation, const CallContext& context,
              google::protobuf::Message& request,
              google::protobuf::Message& response);

}  // namespace ocelli
