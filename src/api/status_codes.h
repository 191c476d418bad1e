#pragma once

#include "core/result.h"

namespace ocelli {

// RFC 9110. kCancelled is 499, which nobody reads: the client is gone.
int HttpStatusOf(ErrorCode code);

// "not_found": in problem+json, metrics and logs.
const char* WordOf(ErrorCode code);

}  // namespace ocelli
