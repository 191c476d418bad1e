#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "index/collection.h"
#include "index/snapshot.h"
#include "index/store.h"

namespace ocelli {

// Answers Collection::SearchMany() from a snapshot, for the moment that
// `store` is reading. `queries` as they are compared.
Result<std::vector<std::vector<Hit>>> SearchSnapshot(
    Store& store, const Snapshot& snapshot, std::span<const float> queries,
    const SearchOptions& options, std::span<const std::string> exclude_ids);

}  // namespace ocelli
