#include "index/entry_checks.h"

#include <algorithm>

#include "index/similarity.h"

namespace ocelli {
namespace {

constexpr std::size_t kMaxIdBytes = 1024;

Result<> CheckId(const std::string& id) {
  if (id.empty() || id.size() > kMaxIdBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                "an id of " + std::to_string(id.size()) + " bytes; 1 to " +
                    std::to_string(kMaxIdBytes) + " are allowed");
  }
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (std::any_of(id.begin(), id.end(), is_control)) {
    return Fail(ErrorCode::kInvalidArgument, "an id with a control character");
  }
  return {};
}

}  // namespace

Result<> EntryChecks::Check(const Entry& entry, std::vector<float>& prepared) {
  const std::string& id = entry.item.id;
  if (auto checked = CheckId(id); !checked) return checked;
  if (!ids_.insert(id).second) {
    return Fail(ErrorCode::kInvalidArgument,
                "\"" + id + "\" comes twice at once");
  }
  prepared = entry.vector;
  if (prepared.empty()) return {};
  auto done = PrepareVector(spec_.metric, spec_.dimension, prepared);
  if (!done) return done.Failure("\"" + id + "\"");
  return {};
}

tl::unexpected<Error> FailWithoutVector(const std::string& id) {
  return Fail(ErrorCode::kInvalidArgument,
              "\"" + id + "\" is new and comes without a vector");
}

}  // namespace ocelli
