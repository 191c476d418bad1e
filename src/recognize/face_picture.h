#pragma once

#include "core/geometry.h"
#include "core/image.h"
#include "core/result.h"
#include "faces/enrolled_picture.h"

namespace ocelli {

// What is kept of a face for people to look at: a square around `box` with some
// margin, as far as the picture has one, at most kMaxFacePictureSide pixels
// wide. kInvalidArgument where the box is not a part of the picture.
Result<FacePicture> MakeFacePicture(ImageView image, const RectF& box);

}  // namespace ocelli
