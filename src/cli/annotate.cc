#include "cli/annotate.h"

#include "core/file.h"
#include "effects/overlay.h"
#include "media/still_image.h"

namespace ocelli {

namespace fs = std::filesystem;

Result<fs::path> WriteAnnotated(
    std::span<const std::byte> encoded, const Analysis& analysis,
    const std::vector<std::optional<Identity>>& people, const fs::path& source,
    const fs::path& folder) {
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
  // "../album/a.heic" becomes "album/a.heic.jpg": never outside the folder.
  fs::path name;
  for (const fs::path& part : source.lexically_normal().relative_path()) {
    if (part != ".." && part != ".") name /= part;
  }
  const std::string ending = name.extension().string();
  if (ending != ".jpg" && ending != ".jpeg") name += ".jpg";
  const fs::path file = folder / name;
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  if (error) {
    return FailWithErrno("making folder " + file.parent_path().string(),
                         error.value());
  }
  const auto written = WriteFileAtomically(file, *jpeg);
  if (!written) return written.Failure();
  return file;
}

}  // namespace ocelli
