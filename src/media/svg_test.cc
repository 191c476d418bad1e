#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <thread>

#include "core/file.h"
#include "media/still_image.h"
#include "media/test_pictures.h"

namespace ocelli {
namespace {

using test::AsBytes;
using test::Colour;
using test::CornersOf;
using test::PixelOf;
using testing::HasSubstr;

constexpr Colour kWhite = {255, 255, 255};

// Quarters in red, green, blue and yellow.
std::string Svg(const std::string& attributes, const std::string& inside = {}) {
  return "<svg xmlns='http://www.w3.org/2000/svg' "
         "xmlns:xlink='http://www.w3.org/1999/xlink' " +
         attributes +
         "><path d='M0 0h3v2h-3z' fill='#f00'/>"
         "<path d='M3 0h3v2h-3z' fill='#0f0'/>"
         "<path d='M0 2h3v2h-3z' fill='#00f'/>"
         "<path d='M3 2h3v2h-3z' fill='#ff0'/>" +
         inside + "</svg>";
}

Result<Image> Decode(const std::string& text, const ImageLimits& limits = {}) {
  return DecodeImage(AsBytes(text), limits);
}

void ExpectSize(const Result<Image>& image, int width, int height) {
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->width(), width);
  EXPECT_EQ(image->height(), height);
}

TEST(DecodeSvg, DrawsInRgb) {
  const auto image = Decode(Svg("viewBox='0 0 6 4' width='600' height='400'"));
  ExpectSize(image, 600, 400);
  EXPECT_EQ(CornersOf(*image), "RGBY");
}

TEST(DecodeSvg, TheLongerSideHas512To1024Pixels) {
  ExpectSize(Decode(Svg("viewBox='0 0 6 4'")), 1024, 683);
  ExpectSize(Decode(Svg("viewBox='0 0 6 4' width='100%' height='100%'")), 1024,
             683);
  ExpectSize(Decode(Svg("viewBox='0 0 6 4' width='6' height='4'")), 512, 341);
  ExpectSize(Decode(Svg("viewBox='0 0 4 6' width='4e6' height='6e6'")), 683,
             1024);
  ExpectSize(Decode(Svg("width='1e9' height='1'")), 1024, 1);
  ExpectSize(Decode(Svg("")), 1024, 683);
}

TEST(DecodeSvg, ASizeOfNothingIsStillDrawnOrRefused) {
  for (const char* size : {"width='0' height='0'", "width='-1' height='5'",
                           "viewBox='0 0 0 0'", "width='nan' height='1'"}) {
    const auto image = Decode(Svg(size));
    if (image) {
      EXPECT_LE(image->width(), 1024);
    }
  }
}

TEST(DecodeSvg, WhatIsTransparentShowsWhite) {
  const auto image = Decode(
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 2 1'>"
      "<path d='M1 0h1v1h-1z' fill='#000' fill-opacity='.5'/></svg>");
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(PixelOf(*image, 10, 10), kWhite);
  EXPECT_TRUE(test::Near(PixelOf(*image, 1000, 10), {127, 127, 127}, 2));
}

TEST(DecodeSvg, IsToldByItsFirstElement) {
  const std::string svg = Svg("viewBox='0 0 6 4'");
  for (const std::string& prolog :
       {std::string("\xEF\xBB\xBF<?xml version='1.0'?>\n"),
        std::string("<!-- <html> -->\n <!DOCTYPE svg>\n"),
        std::string("<!DOCTYPE svg [ <!ENTITY a \"b\"> ]>")}) {
    EXPECT_TRUE(Decode(prolog + svg)) << prolog;
  }
  for (const std::string& text :
       {"<html><body>" + svg, std::string("<svgx/>"), std::string("svg"),
        std::string("<!--"), std::string("<?"),
        std::string("<!DOCTYPE svg [")}) {
    EXPECT_THAT(Decode(text).error().message, HasSubstr("no known format"))
        << text;
  }
}

TEST(DecodeSvg, TruncatedIsDataLossAtEveryLength) {
  const std::string svg = Svg("viewBox='0 0 6 4'");
  for (std::size_t size = 5; size < svg.size(); size += 23) {
    const auto image = Decode(svg.substr(0, size));
    ASSERT_FALSE(image) << size;
    EXPECT_EQ(image.error().code, ErrorCode::kDataLoss) << size;
  }
}

// A picture or an error, but no crash.
TEST(DecodeSvg, FlippedBytesAreHarmless) {
  const std::string svg = Svg("viewBox='0 0 6 4'");
  for (std::size_t at = 0; at < svg.size(); at += 17) {
    std::string flipped = svg;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x55);
    (void)Decode(flipped).has_value();
  }
}

TEST(DecodeSvg, LoadsNothingFromOutside) {
  const auto folder =
      std::filesystem::path(testing::TempDir()) / "ocelli_svg_test";
  std::filesystem::create_directories(folder);
  const Image black(8, 8, PixelFormat::kGrey8);
  std::fill_n(const_cast<std::uint8_t*>(black.view().data), 64,
              std::uint8_t{0});
  const auto path = folder / "black.jpg";
  ASSERT_TRUE(WriteFileAtomically(path, EncodeJpeg(black).value()));
  const std::string file = "file://" + path.string();
  const std::string cover = "x='0' y='0' width='6' height='4'";
  for (const std::string& inside :
       {"<image xlink:href='" + file + "' " + cover + "/>",
        "<image xlink:href='" + path.string() + "' " + cover + "/>",
        "<image xlink:href='black.jpg' " + cover + "/>",
        "<image href='http://127.0.0.1:9/x.png' " + cover + "/>",
        "<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='" + file +
            "'/>"}) {
    const auto image = Decode(Svg("viewBox='0 0 6 4'", inside));
    if (image) {
      EXPECT_EQ(CornersOf(*image), "RGBY") << inside;
    }
  }
  const auto entity = Decode("<!DOCTYPE svg [<!ENTITY x SYSTEM '" + file +
                             "'>]>" + Svg("viewBox='0 0 6 4'", "&x;"));
  if (entity) {
    EXPECT_EQ(CornersOf(*entity), "RGBY");
  }
  std::filesystem::remove_all(folder);
}

TEST(DecodeSvg, AnEntityBombIsRefused) {
  std::string entities = "<!ENTITY a0 \"aaaaaaaaaaaaaaaa\">";
  for (int i = 1; i < 12; ++i) {
    entities += "<!ENTITY a" + std::to_string(i) + " \"";
    for (int k = 0; k < 10; ++k) entities += "&a" + std::to_string(i - 1) + ";";
    entities += "\">";
  }
  const auto image = Decode("<!DOCTYPE svg [" + entities + "]>" +
                            Svg("viewBox='0 0 6 4'", "<text>&a11;</text>"));
  EXPECT_FALSE(image);
}

TEST(DecodeSvg, WhatTakesTooLongIsEnded) {
  // Ten to the seventh blurs of the whole picture.
  std::string inside =
      "<filter id='f' x='0' y='0' width='1' height='1'>"
      "<feGaussianBlur stdDeviation='1'/></filter>"
      "<g id='u0'><path d='M0 0h6v4h-6z' filter='url(#f)'/></g>";
  for (int i = 1; i < 6; ++i) {
    inside += "<g id='u" + std::to_string(i) + "'>";
    for (int k = 0; k < 10; ++k) {
      inside += "<use xlink:href='#u" + std::to_string(i - 1) + "'/>";
    }
    inside += "</g>";
  }
  ImageLimits limits;
  limits.max_svg_seconds = 1;
  const auto image = Decode(Svg("viewBox='0 0 6 4'", inside), limits);
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(image.error().message, HasSubstr("more than 1 s to draw"));
}

TEST(DecodeSvg, HoldsTheLimitOfPixels) {
  ImageLimits limits;
  limits.max_pixels = 100;
  EXPECT_EQ(Decode(Svg("viewBox='0 0 6 4'"), limits).error().code,
            ErrorCode::kResourceExhausted);
}

TEST(DecodeSvg, DrawsOnSeveralThreads) {
  const std::string svg = Svg("viewBox='0 0 6 4'", "<text y='1'>word</text>");
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 5; ++k) EXPECT_TRUE(Decode(svg));
    });
  }
}

}  // namespace
}  // namespace ocelli
