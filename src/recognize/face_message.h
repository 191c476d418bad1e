#pragma once

#include "core/face.h"

namespace ocelli {

namespace v1 {
class Face;
}

// What of a face is written beyond box, score, key points and quality.
struct FaceParts {
  bool mesh = true;
  bool descriptor = true;
};

// `to` is empty before.
void WriteFace(const Face& face, const FaceParts& parts, v1::Face& to);

}  // namespace ocelli
