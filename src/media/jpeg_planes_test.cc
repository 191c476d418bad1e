#include <gmock/gmock.h>
#include <turbojpeg.h>

#include <cmath>
#include <string>
#include <tuple>

#include "media/jpeg_colors.h"
#include "media/still_image.h"
#include "media/test_pictures.h"

namespace ocelli {
namespace {

using test::AsBytes;
using test::AsText;
using test::BigEndian;
using test::CornersOf;
using test::ExifWithOrientation;
using test::Quarters;
using testing::HasSubstr;
using std::string_literals::operator""s;

Image Smooth(int width, int height) {
  Image image(width, height, PixelFormat::kRgb8);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      std::uint8_t* pixel = image.view().Pixel(x, y);
      pixel[0] = static_cast<std::uint8_t>(128 + 100 * std::sin(x * .06));
      pixel[1] = static_cast<std::uint8_t>(128 + 100 * std::cos(y * .05));
      pixel[2] = static_cast<std::uint8_t>(128 + 90 * std::sin((x + y) * .04));
    }
  }
  return image;
}

std::string JpegOf(const Image& image, int subsampling, int flags = 0) {
  const tjhandle turbo = tjInitCompress();
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  tjCompress2(turbo, image.view().data, image.width(), 0, image.height(),
              TJPF_RGB, &buffer, &size, subsampling, 98, flags);
  std::string jpeg(reinterpret_cast<char*>(buffer), size);
  tjFree(buffer);
  tjDestroy(turbo);
  return jpeg;
}

// Where both show the same, as far as chroma of half the size can.
void ExpectAlike(const Image& a, const Image& b) {
  ASSERT_EQ(a.width(), b.width());
  ASSERT_EQ(a.height(), b.height());
  int most = 0;
  for (std::size_t i = 0; i < a.size_bytes(); ++i) {
    most = std::max(most, std::abs(a.view().data[i] - b.view().data[i]));
  }
  EXPECT_LE(most, 14);
}

using Size = std::pair<int, int>;
class JpegPlanes : public testing::TestWithParam<std::tuple<int, Size>> {};

TEST_P(JpegPlanes, ShowWhatTheRgbOfTheSameJpegDoes) {
  const auto [subsampling, size] = GetParam();
  for (const int flags : {0, TJFLAG_PROGRESSIVE}) {
    const std::string jpeg =
        JpegOf(Smooth(size.first, size.second), subsampling, flags);
    const auto rgb = DecodeImage(AsBytes(jpeg));
    ASSERT_TRUE(rgb) << rgb.error().message;
    auto planes = DecodeToYuv(AsBytes(jpeg));
    ASSERT_TRUE(planes) << planes.error().message;
    EXPECT_TRUE(HasJpegColors(planes->color()));
    ExpectAlike(ToRgb(*planes), *rgb);
    planes->MutableView().y[0] = 7;
    EXPECT_EQ(planes->view().y[0], 7);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, JpegPlanes,
    testing::Combine(testing::Values(TJSAMP_420, TJSAMP_422, TJSAMP_440,
                                     TJSAMP_444, TJSAMP_411, TJSAMP_GRAY),
                     testing::Values(Size{64, 48}, Size{67, 43}, Size{1, 1},
                                     Size{1, 35}, Size{17, 1})));

TEST(DecodeToYuv, TurnsAndMirrorsAsTheOrientationSays) {
  // The corners as stored. EXIF 2.32, 4.6.4.
  constexpr const char* kStored[] = {"",     "RGBY", "GRYB", "YBGR", "BYRG",
                                     "RBGY", "GYRB", "YGBR", "BRYG"};
  for (std::uint32_t orientation = 1; orientation <= 8; ++orientation) {
    const bool turned = orientation >= 5;
    const Image stored =
        Quarters(turned ? 32 : 48, turned ? 48 : 32, kStored[orientation]);
    const std::string exif = "Exif\0\0"s + ExifWithOrientation(orientation);
    const std::string jpeg =
        JpegOf(stored, TJSAMP_420)
            .insert(2,
                    "\xff\xe1" +
                        BigEndian(static_cast<unsigned>(exif.size() + 2), 2) +
                        exif);
    const auto planes = DecodeToYuv(AsBytes(jpeg));
    ASSERT_TRUE(planes) << planes.error().message;
    EXPECT_EQ(planes->width(), 48);
    EXPECT_EQ(CornersOf(ToRgb(*planes)), "RGBY") << orientation;
  }
}

TEST(DecodeToYuv, TakesWhatIsNoJpeg) {
  const Image image = Quarters(48, 32, "RGBY");
  const auto png = EncodePng(image);
  ASSERT_TRUE(png);
  const auto planes = DecodeToYuv(*png);
  ASSERT_TRUE(planes) << planes.error().message;
  EXPECT_EQ(CornersOf(ToRgb(*planes)), "RGBY");
}

TEST(DecodeToYuv, RefusesWhatDecodeImageRefuses) {
  const std::string jpeg = JpegOf(Smooth(64, 48), TJSAMP_420);
  for (std::size_t size = 0; size < jpeg.size(); ++size) {
    const std::string part = jpeg.substr(0, size);
    const auto planes = DecodeToYuv(AsBytes(part));
    const auto image = DecodeImage(AsBytes(part));
    ASSERT_FALSE(planes) << size;
    ASSERT_FALSE(image);
    EXPECT_EQ(planes.error().code, image.error().code);
    EXPECT_EQ(planes.error().message, image.error().message);
  }
  ImageLimits limits;
  limits.max_pixels = 64 * 48 - 1;
  EXPECT_EQ(DecodeToYuv(AsBytes(jpeg), limits).error().code,
            ErrorCode::kResourceExhausted);
  limits = {};
  limits.max_bytes = jpeg.size() - 1;
  EXPECT_THAT(DecodeToYuv(AsBytes(jpeg), limits).error().message,
              HasSubstr("more than the limit"));
}

}  // namespace
}  // namespace ocelli
