#include "index/item_pictures.h"

#include <sys/stat.h>

#include <cerrno>
#include <system_error>

#include "core/file.h"

namespace ocelli {
namespace {

constexpr std::uint64_t kMaxBytes = 4 << 20;

// Never the folder above it: a collection that was removed must not come back
// as an empty folder.
Result<> MakeFolder(const std::filesystem::path& folder) {
  if (mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return FailWithErrno("making " + folder.string(), errno);
}

}  // namespace

std::filesystem::path ItemPictures::FolderOf(std::string_view id) const {
  return home_ / "pictures" / Sha256(id).ToHex();
}

std::filesystem::path ItemPictures::FileOf(std::string_view id,
                                           const Digest& image) const {
  return FolderOf(id) / (image.ToHex() + ".jpg");
}

Result<> ItemPictures::Keep(std::string_view id, const Digest& image,
                            std::span<const std::byte> jpeg) const {
  if (auto removed = Remove(id); !removed) return removed;
  auto made = MakeFolder(home_ / "pictures");
  if (made) made = MakeFolder(FolderOf(id));
  if (!made) return made;
  return WriteFileAtomically(FileOf(id, image), jpeg, 0600);
}

Result<std::vector<std::byte>> ItemPictures::Get(std::string_view id,
                                                 const Digest& image) const {
  return ReadFileLimited(FileOf(id, image), kMaxBytes);
}

bool ItemPictures::Has(std::string_view id, const Digest& image) const {
  std::error_code ignored;
  return std::filesystem::is_regular_file(FileOf(id, image), ignored);
}

Result<> ItemPictures::Remove(std::string_view id) const {
  std::error_code error;
  std::filesystem::remove_all(FolderOf(id), error);
  if (!error) return {};
  return FailWithErrno("removing " + FolderOf(id).string(), error.value());
}

}  // namespace ocelli
