#include "media/image_files.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace ocelli {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class FindImagesTest : public testing::Test {
 protected:
  FindImagesTest() {
    std::string name = (fs::temp_directory_path() / "ocelli-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~FindImagesTest() override { fs::remove_all(folder_); }

  void Touch(const fs::path& path) {
    fs::create_directories((folder_ / path).parent_path());
    std::ofstream(folder_ / path) << "x";
  }

  // Paths relative to the folder; errors as "error: ...".
  std::vector<std::string> Find(const std::vector<fs::path>& paths) {
    std::vector<std::string> named;
    for (const fs::path& path : paths) named.push_back(folder_ / path);
    std::vector<std::string> found;
    for (const auto& image : FindImages(named)) {
      found.push_back(image ? image->lexically_relative(folder_).string()
                            : "error: " + image.error().message);
    }
    return found;
  }

  fs::path folder_;
};

TEST_F(FindImagesTest, AFolderIsWalkedInOrder) {
  for (const char* path : {"album/b.JPG", "album/a.heic", "album/notes.txt",
                           "album/c/z.webp", "album/c/y.png", "album/d.avif",
                           "album/.hidden.jpg", "album/.git/x.jpg"}) {
    Touch(path);
  }
  EXPECT_THAT(Find({"album"}),
              ElementsAre("album/a.heic", "album/b.JPG", "album/c/y.png",
                          "album/c/z.webp", "album/d.avif"));
}

TEST_F(FindImagesTest, NamedFilesAreTakenAsTheyAreInTheirOrder) {
  Touch("b.txt");
  Touch(".a.jpg");
  EXPECT_THAT(Find({"b.txt", ".a.jpg", "b.txt"}),
              ElementsAre("b.txt", ".a.jpg", "b.txt"));
}

TEST_F(FindImagesTest, WhatIsMissingIsAnErrorInItsPlace) {
  Touch("a.jpg");
  Touch("b.jpg");
  EXPECT_THAT(Find({"a.jpg", "none.jpg", "b.jpg"}),
              ElementsAre("a.jpg",
                          "error: " + (folder_ / "none.jpg").string() +
                              ": No such file or directory",
                          "b.jpg"));
}

TEST_F(FindImagesTest, AFolderWithoutPicturesIsAnError) {
  Touch("empty/sub/notes.txt");
  EXPECT_THAT(Find({"empty"}), ElementsAre("error: no images in " +
                                           (folder_ / "empty").string()));
}

TEST_F(FindImagesTest, LinksAreFollowedButNotInCircles) {
  Touch("album/a.jpg");
  Touch("elsewhere/b.jpg");
  fs::create_symlink("..", folder_ / "album/up");
  fs::create_symlink(".", folder_ / "album/self");
  fs::create_symlink("../elsewhere", folder_ / "album/other");
  fs::create_symlink("../elsewhere/b.jpg", folder_ / "album/link.jpg");
  EXPECT_THAT(Find({"album"}), ElementsAre("album/a.jpg", "album/link.jpg",
                                           "album/other/b.jpg"));
}

TEST_F(FindImagesTest, ABrokenLinkIsAnErrorAndTheOthersGoOn) {
  Touch("album/b.jpg");
  fs::create_symlink("nowhere.jpg", folder_ / "album/a.jpg");
  EXPECT_THAT(Find({"album"}),
              ElementsAre(StartsWith("error: "), "album/b.jpg"));
}

TEST_F(FindImagesTest, AFifoInAFolderIsLeftOut) {
  Touch("album/b.jpg");
  ASSERT_EQ(mkfifo((folder_ / "album/a.jpg").c_str(), 0600), 0);
  EXPECT_THAT(Find({"album"}), ElementsAre("album/b.jpg"));
}

TEST_F(FindImagesTest, AnUnreadableFolderIsAnErrorAndTheOthersGoOn) {
  Touch("album/a.jpg");
  Touch("album/b/c.jpg");
  fs::permissions(folder_, fs::perms(0755));
  fs::permissions(folder_ / "album/b", fs::perms::none);
  // Root may read everything, so be somebody else meanwhile.
  constexpr uid_t kNobody = 65534;
  const uid_t self = geteuid();
  if (self == 0) {
    ASSERT_EQ(seteuid(kNobody), 0);
  }
  const std::vector<std::string> found = Find({"album"});
  if (self == 0) {
    ASSERT_EQ(seteuid(self), 0);
  }
  fs::permissions(folder_ / "album/b", fs::perms::owner_all);
  EXPECT_THAT(found,
              ElementsAre("album/a.jpg", HasSubstr("Permission denied")));
}

}  // namespace
}  // namespace ocelli
