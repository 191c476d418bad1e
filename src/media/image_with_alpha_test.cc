#include <gtest/gtest.h>
#include <png.h>
#include <zlib.h>

#include <string>
#include <vector>

#include "media/still_image.h"
#include "media/test_pictures.h"

namespace ocelli {
namespace {

using test::AsBytes;
using test::PixelOf;

std::string RgbaPng(int width, int height,
                    const std::vector<std::uint8_t>& rgba) {
  png_image png = {};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(width);
  png.height = static_cast<png_uint_32>(height);
  png.format = PNG_FORMAT_RGBA;
  png_alloc_size_t size = 0;
  png_image_write_to_memory(&png, nullptr, &size, 0, rgba.data(), 0, nullptr);
  std::string encoded(size, '\0');
  png_image_write_to_memory(&png, encoded.data(), &size, 0, rgba.data(), 0,
                            nullptr);
  return encoded.substr(0, size);
}

// Behind the header: length, "eXIf", data, CRC.
std::string WithOrientation(const std::string& png, std::uint32_t orientation) {
  constexpr std::size_t kHeader = 33;
  const std::string exif = test::ExifWithOrientation(orientation);
  const std::string body = "eXIf" + exif;
  const auto crc = static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(body.data()),
            static_cast<uInt>(body.size())));
  return png.substr(0, kHeader) +
         test::BigEndian(static_cast<std::uint32_t>(exif.size()), 4) + body +
         test::BigEndian(crc, 4) + png.substr(kHeader);
}

const std::vector<std::uint8_t> kThree = {200, 10,  20, 0,  30,  180,
                                          40,  128, 50, 60, 170, 255};

TEST(DecodeImageWithAlpha, APngKeepsColourAndAlphaApart) {
  const auto image = DecodeImageWithAlpha(AsBytes(RgbaPng(3, 1, kThree)));
  ASSERT_TRUE(image) << image.error().message;
  ASSERT_EQ(image->color.width(), 3);
  ASSERT_EQ(image->alpha.width(), 3);
  EXPECT_EQ(image->alpha.view().format, PixelFormat::kGrey8);
  EXPECT_EQ(PixelOf(image->color, 0, 0), (test::Colour{200, 10, 20}));
  EXPECT_EQ(PixelOf(image->color, 1, 0), (test::Colour{30, 180, 40}));
  EXPECT_EQ(image->alpha.view().Row(0)[0], 0);
  EXPECT_EQ(image->alpha.view().Row(0)[1], 128);
  EXPECT_EQ(image->alpha.view().Row(0)[2], 255);
}

TEST(DecodeImageWithAlpha, BothAreTurnedUpright) {
  const std::string png = WithOrientation(RgbaPng(3, 1, kThree), 6);
  const auto image = DecodeImageWithAlpha(AsBytes(png));
  ASSERT_TRUE(image) << image.error().message;
  ASSERT_EQ(image->color.height(), 3);
  ASSERT_EQ(image->alpha.height(), 3);
  EXPECT_EQ(PixelOf(image->color, 0, 0), (test::Colour{200, 10, 20}));
  EXPECT_EQ(image->alpha.view().Row(1)[0], 128);
}

TEST(DecodeImageWithAlpha, WithoutTransparencyAllIsOpaque) {
  const Image picture = test::Quarters(16, 8, "RGBY");
  for (const auto& encoded : {EncodePng(picture.view()).value(),
                              EncodeJpeg(picture.view()).value()}) {
    const auto image = DecodeImageWithAlpha(encoded);
    ASSERT_TRUE(image) << image.error().message;
    ASSERT_EQ(image->alpha.width(), 16);
    ASSERT_EQ(image->alpha.height(), 8);
    for (int y = 0; y < 8; ++y) {
      for (int x = 0; x < 16; ++x) {
        EXPECT_EQ(image->alpha.view().Row(y)[x], 255);
      }
    }
  }
}

TEST(DecodeImageWithAlpha, BrokenAndLargeOnesAreErrors) {
  const std::string png = RgbaPng(3, 1, kThree);
  EXPECT_EQ(DecodeImageWithAlpha({}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(DecodeImageWithAlpha(AsBytes("no picture")).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(DecodeImageWithAlpha(AsBytes(png), {.max_pixels = 2}).error().code,
            ErrorCode::kResourceExhausted);
  EXPECT_EQ(DecodeImageWithAlpha(AsBytes(png), {.max_bytes = 9}).error().code,
            ErrorCode::kResourceExhausted);
  for (std::size_t size = 8; size < png.size() - 12; ++size) {
    const std::string cut = png.substr(0, size);
    EXPECT_EQ(DecodeImageWithAlpha(AsBytes(cut)).error().code,
              ErrorCode::kDataLoss);
  }
}

}  // namespace
}  // namespace ocelli
