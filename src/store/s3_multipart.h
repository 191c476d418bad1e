#pragma once

#include <cstdint>
#include <functional>

#include "store/object_store.h"
#include "store/s3_client.h"

namespace ocelli {

// Puts a large body in parts, four at a time; on failure they are given up, so
// that the server does not keep them. `done` is called once, on the client's
// thread. The client outlives it.
//
// Each part is read twice: once for its digest, on the client's thread.
void StartMultipartPut(S3Client& client, PutRequest request,
                       std::uint64_t part_bytes,
                       std::function<void(PutOutcome)> done);

}  // namespace ocelli
