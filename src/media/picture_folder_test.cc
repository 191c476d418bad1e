#include "media/picture_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "core/file.h"
#include "media/still_image.h"
#include "media/test_pictures.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class PictureFolderTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Write(const std::string& name, int width, int height) {
    const auto encoded =
        EncodePng(test::Quarters(width, height, "RGBY").view());
    EXPECT_TRUE(encoded && WriteFileAtomically(folder_ / name, *encoded));
    return folder_ / name;
  }

  const fs::path folder_ = fs::path(testing::TempDir()) /
                           ("picture_folder_" + std::to_string(getpid()));
};

TEST_F(PictureFolderTest, GivesThePicturesInOrderAsAVideo) {
  Write("2.png", 48, 32);
  Write("1.png", 64, 48);
  ASSERT_TRUE(WriteFileAtomically(folder_ / "15.png", "garbage"));
  VideoSourceOptions options;
  options.frame_rate = 10;
  const auto source = VideoSource::Open(folder_, options);
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ((*source)->info().width, 64);
  EXPECT_EQ((*source)->info().height, 48);
  EXPECT_FALSE((*source)->info().live);
  const auto first = (*source)->Next({});
  ASSERT_TRUE(first && *first);
  EXPECT_EQ(test::CornersOf(ToRgb((*first)->frame.pixels)), "RGBY");
  EXPECT_EQ((*first)->frame.time, milliseconds(0));
  const auto second = (*source)->Next({});
  ASSERT_TRUE(second && *second);
  EXPECT_EQ((*second)->frame.pixels.width(), 48);
  EXPECT_EQ((*second)->frame.sequence, 1u);
  EXPECT_EQ((*second)->frame.time, milliseconds(100));
  const auto end = (*source)->Next({});
  ASSERT_TRUE(end);
  EXPECT_FALSE(*end);
  EXPECT_EQ((*source)->counters().frames, 2u);
  EXPECT_EQ((*source)->counters().damaged, 1u);
}

TEST_F(PictureFolderTest, OnePictureIsAVideoOfOneFrame) {
  const auto source = VideoSource::Open(Write("a.png", 20, 10), {});
  ASSERT_TRUE(source) << source.error().message;
  const auto first = (*source)->Next({});
  ASSERT_TRUE(first && *first);
  const auto end = (*source)->Next({});
  ASSERT_TRUE(end);
  EXPECT_FALSE(*end);
}

TEST_F(PictureFolderTest, NoneAndOnlyGarbageAreErrors) {
  const auto none = VideoSource::Open(folder_, {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  Write("big.png", 64, 48);
  VideoSourceOptions options;
  options.limits.max_pixels = 100;
  const auto big = VideoSource::Open(folder_, options);
  ASSERT_FALSE(big);
  EXPECT_EQ(big.error().code, ErrorCode::kResourceExhausted);
}

TEST_F(PictureFolderTest, StopEndsIt) {
  Write("a.png", 20, 10);
  Write("b.png", 20, 10);
  const auto source = VideoSource::Open(folder_, {});
  ASSERT_TRUE(source);
  ASSERT_TRUE((*source)->Next({}));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ((*source)->Next(stop.get_token()).error().code,
            ErrorCode::kCancelled);
}

}  // namespace
}  // namespace ocelli
