#include "index/item_pictures.h"

#include <gtest/gtest.h>

#include <string>

#include "core/test_folder.h"
#include "index/collection.h"

namespace ocelli {
namespace {

std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text));
}

class ItemPicturesTest : public testing::Test {
 protected:
  ItemPicturesTest() { std::filesystem::create_directory(folder_ / "flags"); }

  std::string Get(std::string_view id, std::string_view image) {
    const auto bytes = pictures_.Get(id, Sha256(image));
    if (!bytes) return "none";
    return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
  }

  const TestFolder folder_;
  const ItemPictures pictures_{folder_.path(), "flags"};
};

TEST_F(ItemPicturesTest, AnItemHasThePictureOfItsImageOnly) {
  ASSERT_TRUE(pictures_.Keep("td", Sha256("old"), BytesOf("old, small")));
  EXPECT_EQ(Get("td", "old"), "old, small");
  EXPECT_EQ(Get("td", "new"), "none");
  EXPECT_EQ(Get("ro", "old"), "none");
  ASSERT_TRUE(pictures_.Keep("td", Sha256("new"), BytesOf("new, small")));
  EXPECT_EQ(Get("td", "new"), "new, small");
  EXPECT_EQ(Get("td", "old"), "none");
  EXPECT_TRUE(pictures_.Has("td", Sha256("new")));
  EXPECT_FALSE(pictures_.Has("td", Sha256("old")));
}

TEST_F(ItemPicturesTest, ARemovedOneIsGoneFromTheDisk) {
  ASSERT_TRUE(pictures_.Keep("td", Sha256("a"), BytesOf("small")));
  ASSERT_TRUE(pictures_.Remove("td"));
  ASSERT_TRUE(pictures_.Remove("td"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "flags/pictures"));
}

TEST_F(ItemPicturesTest, NoIdLeadsElsewhere) {
  for (const std::string& id :
       {std::string("../../../x"), std::string("/etc/passwd"), std::string("."),
        std::string(1000, 'a'), std::string("a\0b", 3)}) {
    ASSERT_TRUE(pictures_.Keep(id, Sha256("a"), BytesOf("small")));
    EXPECT_EQ(Get(id, "a"), "small");
  }
  for (const auto& entry :
       std::filesystem::directory_iterator(folder_.path())) {
    EXPECT_EQ(entry.path().filename(), "flags");
  }
}

TEST_F(ItemPicturesTest, NobodyElseReadsThem) {
  ASSERT_TRUE(pictures_.Keep("td", Sha256("a"), BytesOf("small")));
  const auto others =
      std::filesystem::perms::group_all | std::filesystem::perms::others_all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(
           folder_ / "flags/pictures")) {
    EXPECT_EQ(entry.status().permissions() & others,
              std::filesystem::perms::none)
        << entry.path();
  }
}

TEST_F(ItemPicturesTest, ACollectionThatWasRemovedDoesNotComeBack) {
  ASSERT_TRUE(pictures_.Keep("td", Sha256("a"), BytesOf("small")));
  ASSERT_TRUE(RemoveCollection(folder_.path(), "flags"));
  EXPECT_EQ(pictures_.Keep("td", Sha256("a"), BytesOf("small")).error().code,
            ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "flags"));
  EXPECT_EQ(Get("td", "a"), "none");
}

}  // namespace
}  // namespace ocelli
