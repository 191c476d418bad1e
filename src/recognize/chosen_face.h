#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/face.h"
#include "core/result.h"
#include "faces/gallery.h"
#include "recognize/analysis.h"

namespace ocelli {

// Which face of a picture somebody means.
struct FaceChoice {
  std::size_t number = 0;  // Counted from 1 from the left; 0: not said.
  bool largest = false;    // Of several.
  // What the error for an unclear choice tells to do: "crop the photo".
  std::string_view advice = {};
};

// "sizes, from the left: 120x130, 60x70": what a person needs to tell them
// apart.
std::string SizesOf(const std::vector<Face>& faces);

// The one face that is to be enrolled. kFailedPrecondition: there is none, none
// of that number, it is not said which, or it has no descriptor.
Result<const Face*> FaceToEnrol(const std::vector<Face>& faces,
                                const FaceChoice& choice);

// The place of the face that is not `name`: by its number, the only one, or
// else the one that is named so now. kFailedPrecondition likewise.
Result<std::size_t> FaceToReject(const Analysis& analysis,
                                 std::string_view name,
                                 const FaceChoice& choice,
                                 const Gallery& gallery,
                                 const IdentifyOptions& options);

// The one that a picture is of (faces/eval.h). kFailedPrecondition: no face, or
// it has no descriptor.
Result<const Face*> FaceToCompare(const Analysis& analysis);

}  // namespace ocelli
