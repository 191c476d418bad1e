#include "service/operation.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "core/work_scope.h"

namespace ocelli {

namespace {

// Messages repeat what was asked for, however long that is. Cut between
// characters of UTF-8.
std::string Shortened(std::string message) {
  constexpr std::size_t kMost = 2000;
  if (message.size() <= kMost) return message;
  std::size_t end = kMost;
  while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0) == 0x80) {
    --end;
  }
  message.resize(end);
  return message + "...";
}

}  // namespace

Action ActionOf(const v1::Route& route) {
  switch (route.need()) {
    case v1::Route::READ:
      return Action::kRead;
    case v1::Route::WRITE:
      return Action::kWrite;
    default:
      return Action::kAdminister;
  }
}

void OperationTable::AddOperation(std::string_view name,
                                  const google::protobuf::Message& request,
                                  const google::protobuf::Message& response,
                                  decltype(Operation::call) call) {
  const std::string full_name = "ocelli.v1." + std::string(name);
  const google::protobuf::MethodDescriptor* const method =
      google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
          full_name);
  OCELLI_CHECK(method != nullptr);
  OCELLI_CHECK(method->input_type() == request.GetDescriptor());
  OCELLI_CHECK(method->output_type() == response.GetDescriptor());
  OCELLI_CHECK(Find(full_name) == nullptr);
  operations_.push_back({method, &request, &response, std::move(call)});
}

const Operation* OperationTable::Find(std::string_view full_name) const {
  const auto found = std::find_if(
      operations_.begin(), operations_.end(), [&](const Operation& operation) {
        return operation.method->full_name() == full_name;
      });
  return found == operations_.end() ? nullptr : &*found;
}

Result<> Call(const Operation& operation, const CallContext& context,
              google::protobuf::Message& request,
              google::protobuf::Message& response) {
  if (auto allowed = Authorize(context.caller, ActionOf(operation.route()));
      !allowed) {
    return allowed;
  }
  if (context.stop.stop_requested()) {
    return Fail(ErrorCode::kCancelled, "nobody waits for the answer any more");
  }
  const WorkScope scope(context.client, context.stop);
  auto called = operation.call(context, request, response);
  if (!called) {
    return Fail(called.error().code, Shortened(called.error().message));
  }
  return {};
}

}  // namespace ocelli
