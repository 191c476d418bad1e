// make_photos FOLDER COUNT PHOTO...: writes COUNT large JPEGs, no two with the
// same bytes: the photos at twice their width and height, over and over, each
// with its number in a comment segment.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/file.h"
#include "media/still_image.h"

namespace ocelli {
namespace {

Image Doubled(ImageView image) {
  Image doubled(image.width * 2, image.height * 2, image.format);
  const MutableImageView to = doubled.view();
  for (int y = 0; y < to.height; ++y) {
    for (int x = 0; x < to.width; ++x) {
      std::memcpy(to.Pixel(x, y), image.Pixel(x / 2, y / 2), 3);
    }
  }
  return doubled;
}

Result<std::vector<std::byte>> LargeJpeg(const char* path) {
  const auto bytes = ReadFileLimited(path, ImageLimits{}.max_bytes);
  if (!bytes) return bytes.Failure();
  const auto image = DecodeImage(*bytes);
  if (!image) return image.Failure(path);
  return EncodeJpeg(Doubled(*image), 88);
}

Result<> MakePhotos(const std::filesystem::path& folder, int count,
                    std::span<char*> photos) {
  std::vector<std::vector<std::byte>> jpegs;
  for (const char* photo : photos) {
    auto jpeg = LargeJpeg(photo);
    if (!jpeg) return jpeg.Failure();
    jpegs.push_back(std::move(*jpeg));
  }
  std::filesystem::create_directories(folder);
  for (int i = 0; i < count; ++i) {
    char name[32];
    std::snprintf(name, sizeof(name), "%05d.jpg", i);
    // A comment segment: marker, its length, five digits.
    char comment[] = "\xff\xfe\0\7#####";
    std::memcpy(comment + 4, name, 5);
    std::vector<std::byte> photo =
        jpegs[static_cast<std::size_t>(i) % jpegs.size()];
    const auto segment = std::as_bytes(std::span(comment)).first(9);
    photo.insert(photo.begin() + 2, segment.begin(), segment.end());
    const auto written = WriteFileAtomically(folder / name, photo);
    if (!written) return written.Failure();
  }
  return {};
}

}  // namespace
}  // namespace ocelli

int main(int count, char** arguments) {
  if (count < 4) {
    std::fputs("make_photos FOLDER COUNT PHOTO...\n", stderr);
    return 2;
  }
  const auto made = ocelli::MakePhotos(
      arguments[1], std::atoi(arguments[2]),
      std::span(arguments + 3, static_cast<std::size_t>(count - 3)));
  if (!made) std::fprintf(stderr, "%s\n", made.error().message.c_str());
  return made ? 0 : 1;
}
