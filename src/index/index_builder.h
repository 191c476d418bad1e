#pragma once

#include <filesystem>
#include <memory>

#include "core/result.h"
#include "index/index_file.h"
#include "index/store.h"

namespace ocelli {

// Writes all vectors that `store`, in the middle of a Reading, sees to `place`,
// and opens what it wrote. At most a megabyte of them is in memory.
Result<std::shared_ptr<const IndexFile>> WriteIndexFile(
    Store& store, const std::filesystem::path& place);

// Replaces `file`, which lies at `place`, by one with lists. How many of them a
// query has to read is found by trying on stored vectors, each without itself,
// against exact search; where that would not pay, the new file says so by 0
// probes. Seconds for a million vectors.
Result<std::shared_ptr<const IndexFile>> DivideIndexFile(
    const std::shared_ptr<const IndexFile>& file,
    const std::filesystem::path& place);

}  // namespace ocelli
