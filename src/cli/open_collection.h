#pragma once

#include <memory>
#include <string>

#include "cli/command.h"
#include "index/collection.h"

namespace ocelli {

// How this command finds the Redis of shared collections: by their address and
// the password that the settings have for it. `context` outlives it.
CollectionOptions CollectionOptionsOf(const CommandContext& context);

// The collection of that name of the data folder, wherever it is kept.
Result<std::unique_ptr<Collection>> OpenCollection(
    const CommandContext& context, const std::string& name);

}  // namespace ocelli
