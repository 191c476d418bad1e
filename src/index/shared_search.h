#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "index/collection.h"
#include "index/shared_store.h"

namespace ocelli {

// Answers Collection::SearchMany(). Redis says which come near, by vectors as
// it rounds them; they are ranked again here, in double, by the query as it is
// and what is kept. An exact search asks for more until none that was left out
// can be among the k best. `counts`: of items in each partition. `effort`: EF
// of a search that may be approximate; 0: it is exact.
Result<std::vector<std::vector<Hit>>> SearchShared(
    SharedStore& store, std::span<const float> queries,
    const SearchOptions& options, std::span<const std::string> exclude_ids,
    std::span<const std::uint64_t> counts, int effort);

}  // namespace ocelli
