#pragma once

#include <memory>

#include "core/result.h"
#include "index/collection.h"
#include "index/collection_folder.h"

namespace ocelli {

// As Collection's, save the folder of this machine.
Result<std::unique_ptr<Collection>> CreateSharedCollection(
    const CollectionSpec& spec, const SharedPlace& place,
    const CollectionOptions& options);
// kNotFound: there is none of that name.
Result<std::unique_ptr<Collection>> OpenSharedCollection(
    const SharedPointer& pointer, const CollectionOptions& options);
// Deletes all of it. kNotFound.
Result<> DropSharedCollection(const SharedPointer& pointer,
                              const CollectionOptions& options);

}  // namespace ocelli
