#include "recognize/chosen_face.h"

#include <algorithm>
#include <cstdio>
#include <optional>

#include "faces/eval.h"

namespace ocelli {
namespace {

std::string SizeOf(const Face& face) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.0fx%.0f",
                static_cast<double>(face.box.width),
                static_cast<double>(face.box.height));
  return text;
}

std::string Found(std::size_t faces) {
  return std::to_string(faces) + (faces == 1 ? " face found" : " faces found");
}

Result<> CheckDescribed(const Face& face, const char* so) {
  if (!face.descriptor.empty()) return {};
  return Fail(
      ErrorCode::kFailedPrecondition,
      "the face of " + SizeOf(face) + " pixels could not be described" + so);
}

}  // namespace

std::string SizesOf(const std::vector<Face>& faces) {
  constexpr std::size_t kMostListed = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(faces.size(), kMostListed); ++i) {
    text += (i > 0 ? ", " : "") + SizeOf(faces[i]);
  }
  return "sizes, from the left: " + text +
         (faces.size() > kMostListed ? ", ..." : "");
}

Result<const Face*> FaceToEnrol(const std::vector<Face>& faces,
                                const FaceChoice& choice) {
  if (faces.empty()) {
    return Fail(ErrorCode::kFailedPrecondition,
                "no face found, nothing enrolled");
  }
  if (choice.number > faces.size()) {
    return Fail(ErrorCode::kFailedPrecondition,
                Found(faces.size()) + " and none of number " +
                    std::to_string(choice.number) + ", nothing enrolled (" +
                    SizesOf(faces) + ")");
  }
  if (choice.number == 0 && faces.size() > 1 && !choice.largest) {
    return Fail(ErrorCode::kFailedPrecondition,
                Found(faces.size()) + ", nothing enrolled; " +
                    std::string(choice.advice) + " (" + SizesOf(faces) + ")");
  }
  const Face* const face =
      choice.number > 0
          ? &faces[choice.number - 1]
          : &*std::max_element(faces.begin(), faces.end(),
                               [](const Face& a, const Face& b) {
                                 return a.box.area() < b.box.area();
                               });
  const auto described = CheckDescribed(*face, ", nothing enrolled");
  if (!described) return described.Failure();
  return face;
}

Result<std::size_t> FaceToReject(const Analysis& analysis,
                                 std::string_view name,
                                 const FaceChoice& choice,
                                 const Gallery& gallery,
                                 const IdentifyOptions& options) {
  const auto& faces = analysis.faces;
  if (choice.number > faces.size() || faces.empty()) {
    return Fail(ErrorCode::kFailedPrecondition, Found(faces.size()));
  }
  if (choice.number > 0) return choice.number - 1;
  if (faces.size() == 1) return 0;
  const auto people = gallery.Identify(faces, analysis.digest, options);
  if (!people) return people.Failure();
  for (std::size_t i = 0; i < people->size(); ++i) {
    if ((*people)[i] && (*people)[i]->name == name) return i;
  }
  return Fail(ErrorCode::kFailedPrecondition,
              Found(faces.size()) + " and none of them named " +
                  std::string(name) + "; " + std::string(choice.advice) + " (" +
                  SizesOf(faces) + ")");
}

Result<const Face*> FaceToCompare(const Analysis& analysis) {
  const Face* const face =
      MainFace(analysis.faces, analysis.width, analysis.height);
  if (!face) return Fail(ErrorCode::kFailedPrecondition, "no face");
  const auto described = CheckDescribed(*face, "");
  if (!described) return described.Failure();
  return face;
}

}  // namespace ocelli
