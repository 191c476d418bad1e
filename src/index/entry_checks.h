#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/result.h"
#include "index/collection.h"

namespace ocelli {

// What Collection::Put() refuses, for the entries of one call.
class EntryChecks {
 public:
  explicit EntryChecks(const CollectionSpec& spec) : spec_(spec) {}

  // `prepared`: the vector as it is kept; empty where the entry has none. The
  // entry outlives this.
  Result<> Check(const Entry& entry, std::vector<float>& prepared);

 private:
  const CollectionSpec& spec_;
  std::unordered_set<std::string_view> ids_;
};

tl::unexpected<Error> FailWithoutVector(const std::string& id);

}  // namespace ocelli
