#include "api/grpc_status.h"

#include <grpcpp/support/status_code_enum.h>

namespace ocelli {

int GrpcStatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kCancelled:
      return grpc::CANCELLED;
    case ErrorCode::kInvalidArgument:
      return grpc::INVALID_ARGUMENT;
    case ErrorCode::kDeadlineExceeded:
      return grpc::DEADLINE_EXCEEDED;
    case ErrorCode::kNotFound:
      return grpc::NOT_FOUND;
    case ErrorCode::kAlreadyExists:
      return grpc::ALREADY_EXISTS;
    case ErrorCode::kUnauthenticated:
      return grpc::UNAUTHENTICATED;
    case ErrorCode::kPermissionDenied:
      return grpc::PERMISSION_DENIED;
    case ErrorCode::kResourceExhausted:
      return grpc::RESOURCE_EXHAUSTED;
    case ErrorCode::kFailedPrecondition:
      return grpc::FAILED_PRECONDITION;
    case ErrorCode::kUnimplemented:
      return grpc::UNIMPLEMENTED;
    case ErrorCode::kUnavailable:
      return grpc::UNAVAILABLE;
    case ErrorCode::kDataLoss:
      return grpc::DATA_LOSS;
    case ErrorCode::kInternal:
      return grpc::INTERNAL;
  }
  return grpc::INTERNAL;
}

}  // namespace ocelli
