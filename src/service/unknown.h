#pragma once

#include "core/face.h"
#include "service/service_state.h"

namespace ocelli {

// The operations of People that are about those whom nobody named.
void AddUnknownOperations(OperationTable& table, ServiceState& state);

// Whoever looks like this has a name now.
void ForgetUnknownLike(const Face& face, ServiceState& state);

}  // namespace ocelli
