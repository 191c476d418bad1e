#pragma once

#include <memory>
#include <string>

#include "core/clock.h"
#include "core/result.h"
#include "store/aws_settings.h"
#include "store/object_store.h"

namespace ocelli {

// A bucket of S3, or a prefix in it: "s3://BUCKET/PREFIX". `options` go before
// what the environment says. The clock, which signs, outlives the store.
// Errors as ObjectStore::Open().
Result<std::unique_ptr<ObjectStore>> MakeS3Store(
    const std::string& url, const ObjectStoreOptions& options,
    const Environment& environment, const Clock& clock);

}  // namespace ocelli
