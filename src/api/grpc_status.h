#pragma once

#include "core/result.h"

namespace ocelli {

// The number of the grpc::StatusCode, whose header stays in sources.
int GrpcStatusOf(ErrorCode code);

}  // namespace ocelli
