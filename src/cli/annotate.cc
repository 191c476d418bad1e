#include "cli/annotate.h"

#include "core/file.h"
#include "effects/overlay.h"
#include "media/still_image.h"

namespace ocelli {

namespace fs = std::filesystem;

Result<> WriteAnnotated(std::span<const std::byte> encoded,
                        const Analysis& analysis,
                        const std::vector<std::optional<Identity>>& people,
                        const fs::path& file) {
  auto image = DecodeImage(encoded);
  if (!image) return image.Failure();
  std::vector<OverlayFace> faces;
  for (std::size_t i = 0; i < analysis.faces.size(); ++i) {
    const bool known = i < people.size() && people[i];
    OverlayFace face;
    face.box = analysis.faces[i].box;
    face.known = known;
    face.label = known ? people[i]->name : "unknown";
    faces.push_back(std::move(face));
  }
  DrawOverlay(image->view(), faces);
  const auto jpeg = EncodeJpeg(*image);
  if (!jpeg) return jpeg.Failure();
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  if (error) {
    return FailWithErrno("making folder " + file.parent_path().string(),
                         error.value());
  }
  return WriteFileAtomically(file, *jpeg);
}

fs::path AnnotatedNames::Choose(const fs::path& given, const fs::path& photo) {
  // Files are found below the folder they were asked from, so this never
  // leads out of it.
  fs::path name = photo.lexically_relative(given);
  if (name.empty() || name == ".") name = photo.filename();
  const std::string ending = name.extension().string();
  if (ending != ".jpg" && ending != ".jpeg") name += ".jpg";
  const fs::path folder = name.parent_path();
  const std::string stem = name.stem().string();
  for (int i = 2; !taken_.insert(name).second; ++i) {
    name =
        folder / (stem + "-" + std::to_string(i) + name.extension().string());
  }
  return name;
}

}  // namespace ocelli
