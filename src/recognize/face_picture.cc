#include "recognize/face_picture.h"

#include <algorithm>
#include <cmath>

#include "embed/resize.h"
#include "media/still_image.h"

namespace ocelli {
namespace {

// The square's side, of the longer side of the box: hair and chin show.
constexpr float kMargin = 1.5f;

// Where a square of `side` begins, so that it is inside of `size`.
int Start(float centre, int side, int size) {
  const float start = centre - static_cast<float>(side) / 2;
  return std::clamp(static_cast<int>(std::lround(start)), 0, size - side);
}

}  // namespace

Result<FacePicture> MakeFacePicture(ImageView image, const RectF& box) {
  const float x = box.x + box.width / 2, y = box.y + box.height / 2;
  // False for what is no number, too.
  const bool inside = box.width > 0 && box.height > 0 && x >= 0 && y >= 0 &&
                      x < static_cast<float>(image.width) &&
                      y < static_cast<float>(image.height);
  if (image.empty() || !inside) {
    return Fail(ErrorCode::kInvalidArgument, "a face outside of its picture");
  }
  const float most = static_cast<float>(std::min(image.width, image.height));
  const int side = static_cast<int>(
      std::clamp(kMargin * std::max(box.width, box.height), 1.0f, most));
  const ImageView square = image.Crop(Start(x, side, image.width),
                                      Start(y, side, image.height), side, side);
  Image small;
  if (side > kMaxFacePictureSide) {
    small = Resize(square, kMaxFacePictureSide, kMaxFacePictureSide,
                   ResizeFilter::kBilinear);
  }
  for (const int quality : {85, 60, 30, 1}) {
    auto jpeg = EncodeJpeg(small.empty() ? square : small.view(), quality);
    if (!jpeg) return jpeg.Failure("the picture of a face");
    if (jpeg->size() <= kMaxFacePictureBytes) return jpeg;
  }
  return Fail(ErrorCode::kInternal, "the picture of a face is too large");
}

}  // namespace ocelli
