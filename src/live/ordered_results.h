#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "core/check.h"

namespace ocelli {

// Results of several threads in the order of the tickets under which the work
// was begun. At most `window` tickets are ahead of the one that is waited for:
// then Put() waits. Thread-safe.
template <typename T>
class OrderedResults {
 public:
  explicit OrderedResults(std::size_t window) : window_(window) {
    OCELLI_CHECK(window > 0);
  }

  // False, and `value` is gone, once it was closed.
  bool Put(std::uint64_t ticket, T value) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || ticket < next_ + window_; });
    if (closed_) return false;
    values_.emplace(ticket, std::move(value));
    changed_.notify_all();
    return true;
  }

  // The next one; none once it was closed and that is not there.
  std::optional<T> Take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || values_.contains(next_); });
    auto found = values_.extract(next_);
    if (!found) return std::nullopt;
    ++next_;
    changed_.notify_all();
    return std::move(found.mapped());
  }

  void Close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  const std::size_t window_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::map<std::uint64_t, T> values_;
  std::uint64_t next_ = 0;
  bool closed_ = false;
};

}  // namespace ocelli
