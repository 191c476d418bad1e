#pragma once

#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/yuv_image.h"

namespace ocelli {

// The picture as a JPEG, its longer side at most `max_side` (0: as it is).
Result<std::string> EncodeShown(const YuvImage& pixels, int max_side);

// JPEGs that several want of the same pictures: made once for each picture and
// size, by who asks first, and kept while somebody holds the picture's owner,
// at most so many. Thread-safe.
class SharedJpegs {
 public:
  using Jpeg = Result<std::shared_ptr<const std::string>>;
  using Encode =
      std::function<Result<std::string>(const YuvImage& pixels, int max_side)>;

  explicit SharedJpegs(std::size_t most = 128, Encode encode = EncodeShown)
      : most_(most), encode_(std::move(encode)) {}

  // Of `pixels`, which live in what `owner` (not null) points to.
  Jpeg Of(const std::shared_ptr<const void>& owner, const YuvImage& pixels,
          int max_side);

 private:
  struct Kept {
    std::weak_ptr<const void> owner;
    int max_side = 0;
    std::shared_future<Jpeg> jpeg;  // Shared by all who wait for it.
  };

  const std::size_t most_;
  const Encode encode_;
  std::mutex mutex_;
  std::vector<Kept> kept_;  // Oldest first. Guarded by mutex_.
};

}  // namespace ocelli
