#include "media/image_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "core/ascii.h"
#include "core/file.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

// Walks one folder that was named, and all below it.
class Walk {
 public:
  explicit Walk(std::vector<Result<fs::path>>& found) : found_(found) {}

  void Visit(const fs::path& folder, const struct stat& status) {
    // Links may lead back up, or here by another way.
    if (!visited_.emplace(status.st_dev, status.st_ino).second) return;
    std::error_code error;
    std::vector<fs::path> entries;
    for (fs::directory_iterator entry(folder, error), end;
         !error && entry != end; entry.increment(error)) {
      entries.push_back(entry->path());
    }
    if (error) {
      found_.push_back(FailWithErrno(folder.string(), error.value()));
    }
    std::sort(entries.begin(), entries.end());
    for (const fs::path& entry : entries) {
      if (entry.filename().native().front() != '.') VisitEntry(entry);
    }
  }

 private:
  void VisitEntry(const fs::path& entry) {
    struct stat status = {};
    const bool known = stat(entry.c_str(), &status) == 0;
    if (known && S_ISDIR(status.st_mode)) {
      Visit(entry, status);
    } else if (!HasImageEnding(entry)) {
      return;
    } else if (!known) {
      found_.push_back(FailWithErrno(entry.string(), errno));
    } else if (S_ISREG(status.st_mode)) {
      found_.push_back(entry);
    }
  }

  std::vector<Result<fs::path>>& found_;
  std::set<std::pair<dev_t, ino_t>> visited_;
};

}  // namespace

bool HasImageEnding(const fs::path& path) {
  constexpr std::string_view kEndings[] = {".jpg", ".jpeg", ".jpe",  ".jfif",
                                           ".png", ".webp", ".heic", ".heif",
                                           ".hif", ".avif", ".svg"};
  const std::string ending = LowerCase(path.extension().string());
  return std::find(std::begin(kEndings), std::end(kEndings), ending) !=
         std::end(kEndings);
}

std::vector<Result<fs::path>> FindImages(std::span<const std::string> paths) {
  std::vector<Result<fs::path>> found;
  for (const std::string& path : paths) {
    struct stat status = {};
    if (stat(path.c_str(), &status) != 0) {
      found.push_back(FailWithErrno(path, errno));
    } else if (!S_ISDIR(status.st_mode)) {
      found.push_back(fs::path(path));
    } else {
      const std::size_t before = found.size();
      Walk(found).Visit(path, status);
      if (found.size() == before) {
        found.push_back(Fail(ErrorCode::kNotFound, "no images in " + path));
      }
    }
  }
  return found;
}

}  // namespace ocelli
