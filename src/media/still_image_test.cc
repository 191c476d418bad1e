#include "media/still_image.h"

#include <gmock/gmock.h>
#include <turbojpeg.h>
#include <webp/encode.h>
#include <zlib.h>

#include <functional>
#include <memory>
#include <string>

#include "media/exif.h"
#include "media/test_pictures.h"

namespace ocelli {
namespace {

using test::AsBytes;
using test::AsText;
using test::BigEndian;
using test::Colour;
using test::CornersOf;
using test::ExifWithOrientation;
using test::LittleEndian;
using test::Near;
using test::PixelOf;
using test::Quarters;
using testing::HasSubstr;
using std::string_literals::operator""s;

constexpr char kUpright[] = "RGBY";
constexpr int kWidth = 48;
constexpr int kHeight = 32;
constexpr std::uint64_t kPixels = 48 * 32;

// The corners as stored, by orientation: "the 0th row is at the visual right,
// the 0th column at the visual top" and so on. EXIF 2.32, 4.6.4.
constexpr const char* kStored[] = {"",     "RGBY", "GRYB", "YBGR", "BYRG",
                                   "RBGY", "GYRB", "YGBR", "BRYG"};

Image Stored(int orientation) {
  const bool turned = orientation >= 5;
  return Quarters(turned ? kHeight : kWidth, turned ? kWidth : kHeight,
                  kStored[orientation]);
}

std::string Jpeg(const Image& image) {
  return std::string(AsText(EncodeJpeg(image, 95).value()));
}

std::string JpegWithSegment(const Image& image, char marker,
                            const std::string& payload) {
  return Jpeg(image).insert(
      2, "\xff"s + marker +
             BigEndian(static_cast<std::uint32_t>(payload.size() + 2), 2) +
             payload);
}

std::string PngChunk(const std::string& type, const std::string& data) {
  const std::string body = type + data;
  const uLong crc = crc32(0, reinterpret_cast<const Bytef*>(body.data()),
                          static_cast<uInt>(body.size()));
  return BigEndian(static_cast<std::uint32_t>(data.size()), 4) + body +
         BigEndian(static_cast<std::uint32_t>(crc), 4);
}

struct PngForm {
  int bits = 8;
  int colour_type = 2;  // 0 grey, 2 RGB, 3 palette, 4 grey+alpha, 6 RGBA.
  bool interlaced = false;
  std::string chunks;  // Between IHDR and IDAT.
};

// `pixel` gives the bytes of one, in whole bytes.
std::string Png(int width, int height, const PngForm& form,
                const std::function<std::string(int, int)>& pixel) {
  struct Pass {
    int x, y, step_x, step_y;
  };
  const std::vector<Pass> whole = {{0, 0, 1, 1}};
  const std::vector<Pass> adam7 = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8},
                                   {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2},
                                   {0, 1, 1, 2}};
  std::string rows;
  for (const Pass& pass : form.interlaced ? adam7 : whole) {
    if (pass.x >= width) continue;
    for (int y = pass.y; y < height; y += pass.step_y) {
      rows += '\0';  // No filter.
      for (int x = pass.x; x < width; x += pass.step_x) rows += pixel(x, y);
    }
  }
  uLongf size = compressBound(rows.size());
  std::string packed(size, '\0');
  compress(reinterpret_cast<Bytef*>(packed.data()), &size,
           reinterpret_cast<const Bytef*>(rows.data()), rows.size());
  packed.resize(size);
  const std::string header = BigEndian(static_cast<std::uint32_t>(width), 4) +
                             BigEndian(static_cast<std::uint32_t>(height), 4) +
                             static_cast<char>(form.bits) +
                             static_cast<char>(form.colour_type) + "\0\0"s +
                             (form.interlaced ? '\1' : '\0');
  return "\x89PNG\r\n\x1a\n" + PngChunk("IHDR", header) + form.chunks +
         PngChunk("IDAT", packed) + PngChunk("IEND", "");
}

std::string Png(const Image& image, const PngForm& form = {}) {
  return Png(image.width(), image.height(), form, [&](int x, int y) {
    const Colour colour = PixelOf(image, x, y);
    return std::string(colour.begin(), colour.end());
  });
}

std::string WebpChunk(const std::string& type, std::string data) {
  const auto size = static_cast<std::uint32_t>(data.size());
  if (data.size() % 2) data += '\0';
  return type + LittleEndian(size, 4) + data;
}

std::string Riff(const std::string& chunks) {
  return WebpChunk("RIFF", "WEBP" + chunks);
}

std::string Webp(const Image& image) {
  std::uint8_t* output = nullptr;
  const std::size_t size =
      WebPEncodeLosslessRGB(image.view().data, image.width(), image.height(),
                            static_cast<int>(image.view().stride), &output);
  std::string webp(reinterpret_cast<char*>(output), size);
  WebPFree(output);
  return webp;
}

// The extended form: flags, canvas, then `chunks`.
std::string ExtendedWebp(int width, int height, char flags,
                         const std::string& chunks) {
  return Riff(
      WebpChunk("VP8X",
                flags + "\0\0\0"s +
                    LittleEndian(static_cast<std::uint32_t>(width - 1), 3) +
                    LittleEndian(static_cast<std::uint32_t>(height - 1), 3)) +
      chunks);
}

Result<Image> Decode(const std::string& encoded) {
  return DecodeImage(AsBytes(encoded));
}

void ExpectUpright(const Result<Image>& image) {
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->width(), kWidth);
  EXPECT_EQ(image->height(), kHeight);
  EXPECT_EQ(image->format(), PixelFormat::kRgb8);
  EXPECT_EQ(CornersOf(*image), kUpright);
}

class Orientation : public testing::TestWithParam<int> {};

TEST_P(Orientation, IsAppliedToJpeg) {
  const auto orientation = static_cast<std::uint32_t>(GetParam());
  ExpectUpright(
      Decode(JpegWithSegment(Stored(GetParam()), '\xe1',
                             "Exif\0\0"s + ExifWithOrientation(orientation))));
}

TEST_P(Orientation, IsAppliedToPng) {
  const auto orientation = static_cast<std::uint32_t>(GetParam());
  PngForm form;
  form.chunks = PngChunk("eXIf", ExifWithOrientation(orientation));
  ExpectUpright(Decode(Png(Stored(GetParam()), form)));
}

TEST_P(Orientation, IsAppliedToWebp) {
  const auto orientation = static_cast<std::uint32_t>(GetParam());
  const Image stored = Stored(GetParam());
  for (const std::string& prefix : {""s, "Exif\0\0"s}) {
    ExpectUpright(Decode(ExtendedWebp(
        stored.width(), stored.height(), '\x08',
        Webp(stored).substr(12) +
            WebpChunk("EXIF", prefix + ExifWithOrientation(orientation)))));
  }
}

INSTANTIATE_TEST_SUITE_P(All, Orientation, testing::Range(1, 9));

TEST(Exif, WhatIsNotValidMeansAsItIs) {
  EXPECT_EQ(ExifOrientation({}), 1);
  EXPECT_EQ(ExifOrientation(AsBytes(ExifWithOrientation(0))), 1);
  EXPECT_EQ(ExifOrientation(AsBytes(ExifWithOrientation(9))), 1);
  const std::string valid = ExifWithOrientation(6);
  EXPECT_EQ(ExifOrientation(AsBytes(valid)), 6);
  for (std::size_t size = 0; size < valid.size() - 6; ++size) {
    EXPECT_EQ(ExifOrientation(AsBytes(valid.substr(0, size))), 1) << size;
  }
  const std::string little =
      "II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0"s;
  EXPECT_EQ(ExifOrientation(AsBytes(little)), 8);
}

TEST(DecodeJpeg, GreyBecomesRgb) {
  Image grey(20, 10, PixelFormat::kGrey8);
  std::fill_n(grey.view().data, grey.size_bytes(), std::uint8_t{100});
  const auto image = Decode(Jpeg(grey));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->format(), PixelFormat::kRgb8);
  EXPECT_EQ(PixelOf(*image, 19, 9), (Colour{100, 100, 100}));
}

std::string CmykJpeg(std::array<std::uint8_t, 4> ink) {
  std::vector<std::uint8_t> pixels;
  for (int i = 0; i < 16 * 16; ++i) {
    pixels.insert(pixels.end(), ink.begin(), ink.end());
  }
  const tjhandle turbo = tjInitCompress();
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  tjCompress2(turbo, pixels.data(), 16, 0, 16, TJPF_CMYK, &buffer, &size,
              TJSAMP_444, 100, 0);
  std::string jpeg(reinterpret_cast<char*>(buffer), size);
  tjFree(buffer);
  tjDestroy(turbo);
  return jpeg;
}

TEST(DecodeJpeg, AdobesCmykIsStoredInverted) {
  const auto image = Decode(CmykJpeg({255, 128, 0, 255}));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_TRUE(Near(PixelOf(*image, 8, 8), {255, 128, 0}, 3));
  const auto dark = Decode(CmykJpeg({255, 128, 0, 128}));
  EXPECT_TRUE(Near(PixelOf(*dark, 8, 8), {128, 64, 0}, 3));
}

TEST(DecodeJpeg, CmykWithoutAdobesMarkerIsInk) {
  // Without the marker the YCCK of this file, 0, 128, 128, 51, counts as CMYK.
  std::string jpeg = CmykJpeg({255, 255, 255, 51});
  const std::size_t adobe = jpeg.find("\xff\xee\0\x0e"s + "Adobe");
  ASSERT_NE(adobe, jpeg.npos);
  jpeg.erase(adobe, 16);
  const auto image = Decode(jpeg);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_TRUE(Near(PixelOf(*image, 8, 8), {204, 102, 102}, 3));
}

TEST(DecodeJpeg, TruncatedIsDataLossAtEveryLength) {
  const std::string jpeg = Jpeg(Quarters(kWidth, kHeight, kUpright));
  for (std::size_t size = 3; size < jpeg.size(); ++size) {
    const auto image = Decode(jpeg.substr(0, size));
    ASSERT_FALSE(image) << size;
    EXPECT_EQ(image.error().code, ErrorCode::kDataLoss);
    EXPECT_THAT(image.error().message,
                HasSubstr("truncated JPEG: ends after " + std::to_string(size) +
                          " bytes"));
  }
}

TEST(DecodeJpeg, BytesAfterTheEndAndFillBytesAreHarmless) {
  const Image image = Quarters(kWidth, kHeight, kUpright);
  ExpectUpright(Decode(Jpeg(image) + "trailing"));
  ExpectUpright(Decode(Jpeg(image).insert(2, "\xff\xff\xff")));
  ExpectUpright(
      Decode(Jpeg(image).insert(Jpeg(image).size() - 2, "\0\0\0\0"s)));
}

TEST(DecodeJpeg, LostPixelsAreDamage) {
  std::string jpeg = Jpeg(Quarters(640, 480, kUpright));
  jpeg.erase(jpeg.size() - 300, 200);
  const auto image = Decode(jpeg);
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, ErrorCode::kDataLoss);
  EXPECT_THAT(image.error().message, HasSubstr("damaged JPEG"));
}

TEST(DecodePng, EveryFormBecomesRgb) {
  const Image image = Quarters(kWidth, kHeight, kUpright);
  const auto rgb = [&](int x, int y) {
    const Colour colour = PixelOf(image, x, y);
    return std::string(colour.begin(), colour.end());
  };
  const auto rgb16 = [&](int x, int y) {
    std::string bytes;
    for (const std::uint8_t value : PixelOf(image, x, y)) {
      bytes += std::string(2, static_cast<char>(value));
    }
    return bytes;
  };
  const auto palette = [&](int x, int y) {
    return std::string(1, static_cast<char>((x >= kWidth / 2 ? 1 : 0) +
                                            (y >= kHeight / 2 ? 2 : 0)));
  };
  const std::string colours =
      PngChunk("PLTE", "\xff\0\0"s + "\0\xff\0"s + "\0\0\xff"s + "\xff\xff\0"s);
  for (const bool interlaced : {false, true}) {
    ExpectUpright(Decode(Png(kWidth, kHeight, {8, 2, interlaced, {}}, rgb)));
    ExpectUpright(Decode(Png(kWidth, kHeight, {16, 2, interlaced, {}}, rgb16)));
    ExpectUpright(
        Decode(Png(kWidth, kHeight, {8, 3, interlaced, colours}, palette)));
  }
}

TEST(DecodePng, SixteenBitsAreReducedWithoutAnotherGamma) {
  const auto image = Decode(
      Png(4, 4, {16, 0, false, {}}, [](int, int) { return "\x64\x64"s; }));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(PixelOf(*image, 1, 1), (Colour{100, 100, 100}));
}

TEST(DecodePng, TransparencyShowsWhite) {
  const auto image = Decode(Png(4, 4, {8, 4, false, {}}, [](int x, int) {
    return x < 2 ? "\x32\0"s : "\x32\xff"s;
  }));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(PixelOf(*image, 0, 0), (Colour{255, 255, 255}));
  EXPECT_EQ(PixelOf(*image, 3, 0), (Colour{50, 50, 50}));
}

TEST(DecodePng, AHugeSizeIsRefusedBeforeAnythingIsAllocated) {
  // Its pixels would be 2.7 GB; the file has only its header.
  const std::string png =
      "\x89PNG\r\n\x1a\n" +
      PngChunk("IHDR",
               BigEndian(30000, 4) + BigEndian(30000, 4) + "\x08\x02\0\0\0"s) +
      PngChunk("IDAT", "x") + PngChunk("IEND", "");
  const auto image = Decode(png);
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(image.error().message,
              HasSubstr("30000x30000 pixels, more than the limit of 200 "
                        "million"));
}

TEST(DecodePng, TruncatedIsDataLoss) {
  const std::string png = Png(Quarters(kWidth, kHeight, kUpright));
  for (const std::size_t size :
       {std::size_t{8}, std::size_t{20}, png.size() / 2}) {
    EXPECT_EQ(Decode(png.substr(0, size)).error().code, ErrorCode::kDataLoss);
  }
}

TEST(DecodeWebp, TransparencyShowsWhite) {
  const std::uint8_t rgba[] = {50, 60, 70, 0, 50, 60, 70, 255};
  std::uint8_t* output = nullptr;
  const std::size_t size = WebPEncodeLosslessRGBA(rgba, 2, 1, 8, &output);
  const auto image =
      DecodeImage(std::as_bytes(std::span<std::uint8_t>(output, size)));
  WebPFree(output);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(PixelOf(*image, 0, 0), (Colour{255, 255, 255}));
  EXPECT_EQ(PixelOf(*image, 1, 0), (Colour{50, 60, 70}));
}

TEST(DecodeWebp, OfAnAnimationTheFirstPictureIsTaken) {
  const auto frame = [](const Image& image, int x, int y) {
    const auto number = [](int value) {
      return LittleEndian(static_cast<std::uint32_t>(value), 3);
    };
    return WebpChunk("ANMF", number(x / 2) + number(y / 2) +
                                 number(image.width() - 1) +
                                 number(image.height() - 1) + number(100) +
                                 '\0' + Webp(image).substr(12));
  };
  const Image first = Quarters(16, 16, "RRRR");
  const std::string animation =
      ExtendedWebp(32, 24, '\x02',
                   WebpChunk("ANIM", "\0\0\0\0\0\0"s) + frame(first, 8, 4) +
                       frame(Quarters(32, 24, "BBBB"), 0, 0));
  const auto image = Decode(animation);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->width(), 32);
  EXPECT_EQ(PixelOf(*image, 7, 3), (Colour{255, 255, 255}));
  EXPECT_EQ(PixelOf(*image, 8, 4), (Colour{255, 0, 0}));
  EXPECT_EQ(PixelOf(*image, 23, 19), (Colour{255, 0, 0}));
  EXPECT_EQ(PixelOf(*image, 24, 20), (Colour{255, 255, 255}));
}

TEST(DecodeWebp, TruncatedIsDataLoss) {
  const std::string webp = Webp(Quarters(kWidth, kHeight, kUpright));
  for (std::size_t size = 12; size < webp.size(); ++size) {
    EXPECT_EQ(Decode(webp.substr(0, size)).error().code, ErrorCode::kDataLoss)
        << size;
  }
}

TEST(ImageFileEnding, IsThatOfTheContent) {
  const Image one = Quarters(1, 1, "YYYY");
  EXPECT_EQ(ImageFileEnding(AsBytes(Jpeg(one))), ".jpg");
  EXPECT_EQ(ImageFileEnding(AsBytes(Png(one))), ".png");
  EXPECT_EQ(ImageFileEnding(AsBytes(Webp(one))), ".webp");
  EXPECT_EQ(ImageFileEnding(AsBytes("<svg/>"s)), ".svg");
  EXPECT_EQ(ImageFileEnding(AsBytes("\0\0\0\x18"
                                    "ftypheic\0\0\0\0mif1heic"s)),
            ".heic");
  EXPECT_EQ(ImageFileEnding(AsBytes("\0\0\0\x18"
                                    "ftypavif\0\0\0\0mif1avif"s)),
            ".avif");
  EXPECT_EQ(ImageFileEnding(AsBytes("hello"s)), "");
}

TEST(DecodeImage, OnePixelIsAPicture) {
  const Image one = Quarters(1, 1, "YYYY");
  for (const std::string& encoded : {Jpeg(one), Png(one), Webp(one)}) {
    const auto image = Decode(encoded);
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(image->width(), 1);
    EXPECT_EQ(image->height(), 1);
    EXPECT_TRUE(Near(PixelOf(*image, 0, 0), {255, 255, 0}, 3));
  }
}

TEST(DecodeImage, WhatIsNoPictureIsNamedSo) {
  EXPECT_THAT(Decode("").error().message, HasSubstr("the file is empty"));
  for (const std::string& text : {"a"s, "hello, world"s, "GIF89a"s, "\xff\xd8"s,
                                  "\0\0\0\x18"
                                  "ftypisom\0\0\0\0isommp42"s}) {
    const auto image = Decode(text);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(image.error().message,
              "not an image: no known format; Ocelli reads JPEG, PNG, WebP, "
              "HEIC, AVIF, SVG");
  }
}

TEST(DecodeImage, TheLimitsHoldForEveryFormat) {
  const Image image = Quarters(kWidth, kHeight, kUpright);
  for (const std::string& encoded : {Jpeg(image), Png(image), Webp(image)}) {
    const auto small =
        DecodeImage(AsBytes(encoded), {.max_pixels = kPixels - 1});
    EXPECT_EQ(small.error().code, ErrorCode::kResourceExhausted);
    EXPECT_TRUE(DecodeImage(AsBytes(encoded), {.max_pixels = kPixels}));
    const auto short_file =
        DecodeImage(AsBytes(encoded), {.max_bytes = encoded.size() - 1});
    EXPECT_EQ(short_file.error().code, ErrorCode::kResourceExhausted);
  }
}

TEST(DecodeImage, NoFlippedByteCrashesIt) {
  const Image image = Quarters(kWidth, kHeight, kUpright);
  const std::string exif = ExifWithOrientation(6);
  const std::string samples[] = {
      JpegWithSegment(image, '\xe1', "Exif\0\0"s + exif),
      CmykJpeg({255, 128, 0, 255}),
      Png(image, {8, 2, true, PngChunk("eXIf", exif)}),
      ExtendedWebp(kWidth, kHeight, '\x08',
                   Webp(image).substr(12) + WebpChunk("EXIF", exif))};
  for (const std::string& sample : samples) {
    for (std::size_t at = 0; at < sample.size(); ++at) {
      for (const char flip : {'\x01', '\x80', '\xff'}) {
        std::string changed = sample;
        changed[at] = static_cast<char>(changed[at] ^ flip);
        const auto decoded =
            DecodeImage(AsBytes(changed), {.max_pixels = 1 << 20});
        if (!decoded) {
          EXPECT_FALSE(decoded.error().message.empty());
        }
      }
      const auto decoded = DecodeImage(AsBytes(sample).first(at));
      if (!decoded) {
        EXPECT_FALSE(decoded.error().message.empty());
      }
    }
  }
}

TEST(EncodeJpeg, ACropKeepsItsPixels) {
  const Image image = Quarters(64, 64, kUpright);
  const auto jpeg = EncodeJpeg(image.view().Crop(32, 0, 32, 32), 90);
  ASSERT_TRUE(jpeg);
  const auto decoded = DecodeImage(*jpeg);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->width(), 32);
  EXPECT_EQ(CornersOf(*decoded), "GGGG");
}

TEST(EncodeJpeg, WhatCanNotBeEncodedIsRefused) {
  const Image image = Quarters(8, 8, kUpright);
  EXPECT_FALSE(EncodeJpeg(image, 0));
  EXPECT_FALSE(EncodeJpeg(image, 101));
  EXPECT_FALSE(EncodeJpeg(Image(), 90));
  EXPECT_FALSE(EncodeJpeg(Image(70000, 1, PixelFormat::kGrey8), 90));
}

TEST(EncodePng, ReadsBackBitForBit) {
  for (const PixelFormat format : {PixelFormat::kRgb8, PixelFormat::kGrey8}) {
    Image image(37, 21, format);
    for (std::size_t i = 0; i < image.size_bytes(); ++i) {
      image.view().data[i] = static_cast<std::uint8_t>(i * 7);
    }
    // A crop has gaps between its rows.
    const ImageView part = image.view().Crop(3, 2, 30, 15);
    const auto png = EncodePng(part);
    ASSERT_TRUE(png) << png.error().message;
    const Image back = DecodeImage(*png).value();
    ASSERT_EQ(back.width(), 30);
    ASSERT_EQ(back.height(), 15);
    for (int y = 0; y < 15; ++y) {
      for (int x = 0; x < 30; ++x) {
        for (int c = 0; c < 3; ++c) {
          const int channel = format == PixelFormat::kRgb8 ? c : 0;
          EXPECT_EQ(back.view().Pixel(x, y)[c], part.Pixel(x, y)[channel]);
        }
      }
    }
  }
}

TEST(EncodePng, RefusesAnEmptyPicture) {
  EXPECT_EQ(EncodePng(Image()).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace ocelli
