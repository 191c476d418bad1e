#pragma once

#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <utility>

#include "core/result.h"

namespace ocelli {

// Something slow to open that opens in a thread of its own, which the
// destructor joins. Thread-safe.
template <typename T>
class Lazy {
 public:
  using OpenFunction = std::function<Result<std::unique_ptr<T>>()>;

  explicit Lazy(OpenFunction open) : open_(std::move(open)) {}
  Lazy(const Lazy&) = delete;
  Lazy& operator=(const Lazy&) = delete;

  // Begins opening, unless that was done.
  void Start() const {
    std::call_once(once_, [this] { opened_ = std::async(open_); });
  }

  // Waits for it; lives as long as this object. An error stays.
  Result<const T*> Get() const {
    Start();
    const Result<std::unique_ptr<T>>& opened = opened_.get();
    if (!opened) return opened.Failure();
    return opened->get();
  }

 private:
  const OpenFunction open_;
  mutable std::once_flag once_;
  // Shared by every thread that waits in Get().
  mutable std::shared_future<Result<std::unique_ptr<T>>> opened_;
};

}  // namespace ocelli
