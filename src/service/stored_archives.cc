#include "service/stored_archives.h"

#include <algorithm>

namespace ocelli {

Result<std::shared_ptr<StoredArchive>> StoredArchives::Find(
    const std::string& name) {
  constexpr std::size_t kMostOpen = 16;
  const auto task = tasks_.Find(name);
  if (!task) return task.Failure();
  if (task->settings.name != name) {  // Only a beginning of one.
    return Fail(ErrorCode::kNotFound, "no archive " + name);
  }
  const std::string& root = task->settings.root;
  const std::lock_guard lock(mutex_);
  const auto found =
      std::find_if(open_ones_.begin(), open_ones_.end(),
                   [&](const auto& open) { return open.first == root; });
  if (found != open_ones_.end()) {
    open_ones_.splice(open_ones_.begin(), open_ones_, found);
    return open_ones_.front().second;
  }
  auto store = open_(*task);
  if (!store) return store.Failure("archive " + name);
  open_ones_.emplace_front(
      root, std::make_shared<StoredArchive>(std::move(*store), clock_));
  if (open_ones_.size() > kMostOpen) open_ones_.pop_back();
  return open_ones_.front().second;
}

}  // namespace ocelli
