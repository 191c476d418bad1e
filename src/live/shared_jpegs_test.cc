#include "live/shared_jpegs.h"

#include <gmock/gmock.h>

#include <atomic>
#include <latch>
#include <thread>

#include "media/still_image.h"
#include "media/test_pictures.h"

namespace ocelli {
namespace {

using test::AsBytes;

std::shared_ptr<const YuvImage> Picture(int width = 64, int height = 48) {
  return std::make_shared<const YuvImage>(
      ToYuv(test::Quarters(width, height, "RGBY"), {}));
}

TEST(SharedJpegs, MakesOneForAllWhoAskAtTheSameTime) {
  constexpr int kThreads = 4;
  std::atomic<int> made = 0;
  std::latch asking(kThreads);
  SharedJpegs jpegs(8, [&](const YuvImage& pixels, int max_side) {
    ++made;
    asking.wait();  // All have begun to ask.
    return EncodeShown(pixels, max_side);
  });
  const auto picture = Picture(640, 480);
  std::vector<std::shared_ptr<const std::string>> got(kThreads);
  {
    std::vector<std::jthread> threads;
    for (auto& one : got) {
      threads.emplace_back([&] {
        asking.count_down();
        one = jpegs.Of(picture, *picture, 320).value();
      });
    }
  }
  EXPECT_EQ(made, 1);
  for (const auto& one : got) EXPECT_EQ(one, got[0]);
  EXPECT_EQ(jpegs.Of(picture, *picture, 320).value(), got[0]);
  const auto image = DecodeImage(AsBytes(*got[0]));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->width(), 320);
  EXPECT_EQ(image->height(), 240);
  EXPECT_EQ(test::CornersOf(*image), "RGBY");
}

TEST(SharedJpegs, SizesThatShowTheWholePictureAreOne) {
  SharedJpegs jpegs;
  const auto picture = Picture();
  const auto whole = jpegs.Of(picture, *picture, 0).value();
  EXPECT_EQ(jpegs.Of(picture, *picture, 64).value(), whole);
  EXPECT_EQ(jpegs.Of(picture, *picture, 5000).value(), whole);
  EXPECT_NE(jpegs.Of(picture, *picture, 63).value(), whole);
}

TEST(SharedJpegs, KeepsThemWhileSomebodyHoldsThePicture) {
  SharedJpegs jpegs;
  auto picture = Picture();
  std::weak_ptr<const std::string> kept =
      jpegs.Of(picture, *picture, 0).value();
  EXPECT_FALSE(kept.expired());
  picture.reset();
  const auto other = Picture();
  EXPECT_TRUE(jpegs.Of(other, *other, 0));
  EXPECT_TRUE(kept.expired());
}

TEST(SharedJpegs, KeepsSoManyAtMost) {
  SharedJpegs jpegs(2);
  const auto picture = Picture();
  const auto of = [&](int side) { return *jpegs.Of(picture, *picture, side); };
  const auto first = of(10);
  EXPECT_EQ(of(10), first);
  of(11);
  of(12);
  EXPECT_NE(of(10), first);
}

TEST(SharedJpegs, RefusesWhatIsNoPicture) {
  SharedJpegs jpegs;
  const auto picture = Picture();
  EXPECT_EQ(jpegs.Of(nullptr, *picture, 0).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(jpegs.Of(picture, *picture, -1).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(jpegs.Of(picture, YuvImage(), 0).error().code,
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace ocelli
