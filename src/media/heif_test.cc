#include <gmock/gmock.h>
#include <libheif/heif.h>

#include <algorithm>
#include <memory>
#include <string>

#include "media/still_image.h"
#include "media/test_pictures.h"

namespace ocelli {
namespace {

using test::AsBytes;
using test::CornersOf;
using test::ExifWithOrientation;
using test::Near;
using test::PixelOf;
using test::Quarters;
using testing::HasSubstr;

struct Form {
  heif_compression_format compression = heif_compression_HEVC;
  int orientation = 1;  // By the file's own irot and imir.
  bool transparent_left = false;
};

// Empty where this machine's libheif has no such encoder: not every
// distribution packages one.
std::string Encode(const Image& picture, const Form& form) {
  const std::unique_ptr<heif_context, decltype(&heif_context_free)> context(
      heif_context_alloc(), heif_context_free);
  heif_encoder* encoder = nullptr;
  if (heif_context_get_encoder_for_format(context.get(), form.compression,
                                          &encoder)
          .code != heif_error_Ok) {
    return {};
  }
  heif_encoder_set_lossy_quality(encoder, 95);

  heif_image* image = nullptr;
  const int width = picture.width();
  const int height = picture.height();
  heif_image_create(width, height, heif_colorspace_RGB,
                    heif_chroma_interleaved_RGBA, &image);
  heif_image_add_plane(image, heif_channel_interleaved, width, height, 8);
  int stride = 0;
  std::uint8_t* pixels =
      heif_image_get_plane(image, heif_channel_interleaved, &stride);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      std::uint8_t* pixel =
          pixels + std::ptrdiff_t{y} * stride + std::ptrdiff_t{x} * 4;
      std::copy_n(picture.view().Pixel(x, y), 3, pixel);
      pixel[3] = form.transparent_left && x < width / 2 ? 0 : 255;
    }
  }

  heif_encoding_options* options = heif_encoding_options_alloc();
  options->save_alpha_channel = form.transparent_left;
  options->image_orientation = static_cast<heif_orientation>(form.orientation);
  heif_image_handle* handle = nullptr;
  heif_context_encode_image(context.get(), image, encoder, options, &handle);
  // What cameras write: the same orientation once more as EXIF.
  const std::string exif =
      ExifWithOrientation(static_cast<std::uint32_t>(form.orientation));
  heif_context_add_exif_metadata(context.get(), handle, exif.data(),
                                 static_cast<int>(exif.size()));

  std::string file;
  heif_writer writer = {
      1, [](heif_context*, const void* data, std::size_t size, void* target) {
        static_cast<std::string*>(target)->assign(
            static_cast<const char*>(data), size);
        return heif_error{};
      }};
  heif_context_write(context.get(), &writer, &file);
  heif_image_handle_release(handle);
  heif_encoding_options_free(options);
  heif_image_release(image);
  heif_encoder_release(encoder);
  return file;
}

Result<Image> Decode(const std::string& encoded) {
  return DecodeImage(AsBytes(encoded), {.max_pixels = 1 << 20});
}

class Heif : public testing::TestWithParam<heif_compression_format> {
 protected:
  std::string EncodeOrSkip(const Image& picture, Form form = {}) {
    form.compression = GetParam();
    std::string file = Encode(picture, form);
    if (file.empty()) skipped_ = true;
    return file;
  }
  bool skipped_ = false;
};

TEST_P(Heif, ItsOwnOrientationIsAppliedOnce) {
  constexpr const char* kStored[] = {"",     "RGBY", "GRYB", "YBGR", "BYRG",
                                     "RBGY", "GYRB", "YGBR", "BRYG"};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const bool turned = orientation >= 5;
    const std::string file = EncodeOrSkip(
        Quarters(turned ? 64 : 96, turned ? 96 : 64, kStored[orientation]),
        {.orientation = orientation});
    if (skipped_) GTEST_SKIP() << "libheif has no encoder";
    const auto image = Decode(file);
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(image->width(), 96);
    EXPECT_EQ(image->height(), 64);
    EXPECT_EQ(CornersOf(*image), "RGBY") << orientation;
  }
}

TEST_P(Heif, TransparencyShowsWhite) {
  const std::string file =
      EncodeOrSkip(Quarters(64, 64, "RGBY"), {.transparent_left = true});
  if (skipped_) GTEST_SKIP() << "libheif has no encoder";
  const auto image = Decode(file);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_TRUE(Near(PixelOf(*image, 8, 8), {255, 255, 255}, 4));
  EXPECT_TRUE(Near(PixelOf(*image, 56, 8), {0, 255, 0}, 40));
}

TEST_P(Heif, TheLimitsHold) {
  const std::string file = EncodeOrSkip(Quarters(96, 64, "RGBY"));
  if (skipped_) GTEST_SKIP() << "libheif has no encoder";
  constexpr std::uint64_t kPixels = 96 * 64;
  EXPECT_TRUE(DecodeImage(AsBytes(file), {.max_pixels = kPixels}));
  EXPECT_EQ(
      DecodeImage(AsBytes(file), {.max_pixels = kPixels - 1}).error().code,
      ErrorCode::kResourceExhausted);
}

TEST_P(Heif, TruncatedIsDataLossAndNoFlippedByteCrashesIt) {
  const std::string file = EncodeOrSkip(Quarters(64, 64, "RGBY"));
  if (skipped_) GTEST_SKIP() << "libheif has no encoder";
  for (std::size_t size = 24; size < file.size(); size += 7) {
    const auto image = Decode(file.substr(0, size));
    ASSERT_FALSE(image) << size << " of " << file.size();
    EXPECT_EQ(image.error().code, ErrorCode::kDataLoss)
        << size << ": " << image.error().message;
  }
  for (std::size_t at = 0; at < file.size(); ++at) {
    std::string changed = file;
    changed[at] = static_cast<char>(changed[at] ^ (at % 2 ? 0xff : 0x04));
    const auto image = Decode(changed);
    if (!image) {
      EXPECT_FALSE(image.error().message.empty());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Heic, Heif, testing::Values(heif_compression_HEVC));
INSTANTIATE_TEST_SUITE_P(Avif, Heif, testing::Values(heif_compression_AV1));

}  // namespace
}  // namespace ocelli
