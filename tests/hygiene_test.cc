// What must not be written anywhere in the repository.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;

// Registries are a setting of npm and apt: naming one would break who uses a
// mirror. A machine's own paths mean nothing elsewhere.
const std::string kForbidden[] = {"npmjs.org",
                                  "npmjs.com",
                                  "npmmirror.com",
                                  "yarnpkg.com",
                                  "unpkg.com",
                                  "jsdelivr.net",
                                  "deb.debian.org",
                                  "ftp.debian.org",
                                  "security.debian.org",
                                  "snapshot.debian.org",
                                  "/var/tmp/",
                                  "\"/work/",
                                  " /work/",
                                  "=/work/",
                                  "(/work/"};

bool IsForbidden(const std::string& line) {
  return std::any_of(
      std::begin(kForbidden), std::end(kForbidden),
      [&](const std::string& text) { return line.find(text) != line.npos; });
}

bool IsOurs(const fs::path& path) {
  const std::string name = path.filename();
  return name != ".git" && name != "build" && name != "out" &&
         name != ".cache" && name != "hygiene_test.cc";
}

TEST(HygieneTest, NoRegistryHostAndNoPathOfAMachine) {
  std::vector<std::string> found;
  std::size_t files = 0;
  const fs::path root = OCELLI_SOURCE_DIR;
  for (fs::recursive_directory_iterator it(root), end; it != end; ++it) {
    if (!IsOurs(it->path())) {
      it.disable_recursion_pending();
      continue;
    }
    if (!it->is_regular_file() || it->file_size() > (1 << 20)) continue;
    ++files;
    std::ifstream stream(it->path());
    std::size_t number = 0;
    for (std::string line; std::getline(stream, line);) {
      ++number;
      if (IsForbidden(line)) {
        found.push_back(it->path().lexically_relative(root).string() + ":" +
                        std::to_string(number) + ": " + line);
      }
    }
  }
  EXPECT_THAT(found, IsEmpty());
  EXPECT_GT(files, 50u);
}

TEST(HygieneTest, TheRuleBites) {
  for (const std::string& text : kForbidden) {
    EXPECT_TRUE(IsForbidden("see " + text + "x")) << text;
  }
  EXPECT_FALSE(IsForbidden("a folder called src/work/ is fine"));
}

TEST(HygieneTest, EveryRoomSaysWhatItIsInFortyLines) {
  for (const auto& room :
       fs::directory_iterator(fs::path(OCELLI_SOURCE_DIR) / "src")) {
    std::ifstream readme(room.path() / "README.md");
    const auto lines = std::count(std::istreambuf_iterator<char>(readme),
                                  std::istreambuf_iterator<char>(), '\n');
    EXPECT_GT(lines, 0) << room.path();
    EXPECT_LE(lines, 40) << room.path();
  }
}

}  // namespace
