#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/result.h"
#include "index/collection.h"

namespace ocelli {

// Vectors of a collection to a file and back. A .csv has columns id, digest,
// path, one for each key of the metadata, and features; a .npy or .fvecs only
// vectors, with their ids, one a line, in FILE.ids.

// How many there were. kInvalidArgument for another ending.
Result<std::size_t> ExportCollection(Collection& collection,
                                     const std::filesystem::path& file);

// Puts them all at once, or one by one where one of them is refused: `refused`
// gets its number and why. Adds up in `summary`.
Result<> PutEach(Collection& collection, std::span<const Entry> entries,
                 PutSummary& summary,
                 const std::function<void(std::size_t, const Error&)>& refused);

struct ImportSummary {
  PutSummary put;
  std::vector<Error> broken;  // What was left out; each names its row or line.
};

// Adds or updates by id: without FILE.ids the rows of a .npy or .fvecs are
// called by their numbers from 0 on, as are those of a .csv without a column
// id; another one may be chosen. What comes without a digest gets that of its
// vector. kCancelled when stopped: what was read until then is kept.
Result<ImportSummary> ImportVectors(Collection& collection,
                                    const std::filesystem::path& file,
                                    const std::string& id_column,
                                    const std::stop_token& stop);

}  // namespace ocelli
