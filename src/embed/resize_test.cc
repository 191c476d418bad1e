#include "embed/resize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "core/digest.h"

namespace ocelli {
namespace {

// Noise: the high bytes of a linear congruential generator (Numerical Recipes).
Image Noise(int width, int height, bool colour) {
  Image image(width, height, colour ? PixelFormat::kRgb8 : PixelFormat::kGrey8);
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < image.size_bytes(); ++i) {
    state = state * 1664525u + 1013904223u;
    image.view().data[i] = static_cast<std::uint8_t>(state >> 24);
  }
  return image;
}

struct Case {
  int width, height;
  bool colour;
  int new_width, new_height;
  ResizeWindow window;
  ResizeFilter filter;
  // Of what Pillow 9.4.0 makes of the same noise: resize(), crop(), tobytes().
  std::string sha256;
};

using enum ResizeFilter;
// clang-format off
const Case kCases[] = {
    {97, 61, true, 24, 40, {0, 0, 24, 40}, kBilinear,
     "0495024db01a6676d246942fc6e2d1cd2b5e42193f7822f4b97e7c6b5e4525b0"},
    {97, 61, true, 24, 40, {0, 0, 24, 40}, kBicubic,
     "de63850e10cced31c6d5a0aea8b91703e91a3660dce4997ea38449322d56f46d"},
    {20, 20, true, 224, 224, {0, 0, 224, 224}, kBilinear,
     "cf1876c0ae26fb5dd0265020ba93622994e25f260387a7d6a7cf0d535de0a05f"},
    {20, 20, true, 224, 224, {0, 0, 224, 224}, kBicubic,
     "a6729837c9fc42694ddb69ed9b6565a7c5641a60045878652c1d318ec4d66925"},
    {640, 90, true, 224, 224, {0, 0, 224, 224}, kBilinear,
     "6800b09080d9324245ccf6214e16539fe6b746ddb9993b09356f3b6886ddcbaf"},
    {640, 90, true, 224, 224, {0, 0, 224, 224}, kBicubic,
     "4d61b2293f43e214ec8ed403fd6826f37eba5ab13501b49ea37c97538e920d61"},
    {61, 333, false, 64, 64, {0, 0, 64, 64}, kBilinear,
     "82c8c60397e79432766052a554630db52690020e720d25b3a63fd305b322abaa"},
    {61, 333, false, 64, 64, {0, 0, 64, 64}, kBicubic,
     "ec12148cb5cc2a2dcff1aa3da908951db4f0b56e4cc265264d7b7a1b0b996ecc"},
    {300, 200, true, 384, 256, {80, 16, 224, 224}, kBilinear,
     "693f9600f648b7018086416512e6daf3bd149711dd1d6bea6d863073b550b7d6"},
    {300, 200, true, 384, 256, {80, 16, 224, 224}, kBicubic,
     "5cfc1ce9192a847d79c34c22b85dbebe73cc218183dc36ef328afeccd5919e17"},
    {100, 100, true, 100, 40, {0, 0, 100, 40}, kBilinear,
     "5bf16c747ae163466ee333e2d31423bdf04178515f90a42a420f88bc01ab11e1"},
    {100, 100, true, 100, 40, {0, 0, 100, 40}, kBicubic,
     "c7d0930d51da2e9357a57d3501d351522a525ce99a9ecf9841de35129a766d58"},
    {1, 1, true, 5, 7, {0, 0, 5, 7}, kBilinear,
     "95ca2ee491ca96cd1300fdd66d1b62589630d39c88985686469ea2216f9ddcb6"},
    {1, 1, true, 5, 7, {0, 0, 5, 7}, kBicubic,
     "95ca2ee491ca96cd1300fdd66d1b62589630d39c88985686469ea2216f9ddcb6"},
    {1000, 3, true, 7, 9, {0, 0, 7, 9}, kBilinear,
     "1ffac1d9d6fec9487ad701a0106a9e4e43382b7e876f85b1874a8724df1f9fbd"},
    {1000, 3, true, 7, 9, {0, 0, 7, 9}, kBicubic,
     "0a7cb36e0fc1e1f2ba8864a41134b75bd92b71aeee2784d49b2721778d2d0447"},
};
// clang-format on

class ResizeTest : public testing::TestWithParam<Case> {};

TEST_P(ResizeTest, MakesWhatPillowMakes) {
  const Case& c = GetParam();
  const Image image = Noise(c.width, c.height, c.colour);
  const Image resized =
      Resize(image, c.new_width, c.new_height, c.filter, c.window);
  EXPECT_EQ(Sha256(std::as_bytes(
                       std::span(resized.view().data, resized.size_bytes())))
                .ToHex(),
            c.sha256);
}

INSTANTIATE_TEST_SUITE_P(, ResizeTest, testing::ValuesIn(kCases));

TEST(Resize, SeesOnlyTheViewItIsGiven) {
  const Image image = Noise(50, 40, true);
  const ImageView part = image.view().Crop(7, 5, 30, 20);
  const Image whole = Resize(CopyOf(part), 16, 16, ResizeFilter::kBicubic);
  const Image seen = Resize(part, 16, 16, ResizeFilter::kBicubic);
  EXPECT_EQ(
      std::memcmp(whole.view().data, seen.view().data, whole.size_bytes()), 0);
}

}  // namespace
}  // namespace ocelli
