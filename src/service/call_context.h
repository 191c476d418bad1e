#pragma once

#include <stop_token>
#include <string>

#include "access/caller.h"

namespace ocelli {

// Who asks, and for how long. The same for gRPC, REST and the tests.
struct CallContext {
  Caller caller;
  // Whom the model queue and the limits are fair between: the key, the user, or
  // the address of a caller who is nobody.
  std::string client;
  std::string request_id;
  // Requested when the client is gone, its deadline over, or the service ends:
  // whatever waits gives up with kCancelled.
  std::stop_token stop;
};

}  // namespace ocelli
