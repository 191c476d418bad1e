#include "live/shared_jpegs.h"

#include <algorithm>
#include <utility>

#include "live/shrunk_picture.h"
#include "media/still_image.h"

namespace ocelli {

Result<std::string> EncodeShown(const YuvImage& pixels, int max_side) {
  constexpr int kQuality = 85;
  if (pixels.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "a picture without pixels");
  }
  const auto jpeg = EncodeJpeg(Within(pixels, max_side).view(), kQuality);
  if (!jpeg) return jpeg.Failure();
  return std::string(reinterpret_cast<const char*>(jpeg->data()), jpeg->size());
}

SharedJpegs::Jpeg SharedJpegs::Of(const std::shared_ptr<const void>& owner,
                                  const YuvImage& pixels, int max_side) {
  if (!owner || max_side < 0) {
    return Fail(ErrorCode::kInvalidArgument,
                owner ? "a longer side of " + std::to_string(max_side)
                      : "no frame has come yet");
  }
  // As large as it is, by whatever number.
  if (max_side >= std::max(pixels.width(), pixels.height())) max_side = 0;
  std::promise<Jpeg> mine;
  std::shared_future<Jpeg> others;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(kept_, [](const Kept& kept) { return kept.owner.expired(); });
    const auto found =
        std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) {
          return kept.max_side == max_side && kept.owner.lock() == owner;
        });
    if (found != kept_.end()) {
      others = found->jpeg;
    } else {
      if (kept_.size() >= most_) kept_.erase(kept_.begin());
      kept_.push_back({owner, max_side, mine.get_future().share()});
    }
  }
  if (others.valid()) return others.get();
  auto encoded = encode_(pixels, max_side);
  Jpeg jpeg =
      encoded ? Jpeg(std::make_shared<const std::string>(*std::move(encoded)))
              : Jpeg(encoded.Failure());
  mine.set_value(jpeg);
  return jpeg;
}

}  // namespace ocelli
