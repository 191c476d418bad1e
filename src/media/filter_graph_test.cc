#include "media/filter_graph.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <string>

#include "media/test_readback.h"

namespace ocelli {
namespace {

using test::MeanDifference;
using test::Moving;
using testing::HasSubstr;

Frame FrameOf(YuvImage pixels, int number = 0) {
  Frame frame;
  frame.pixels = std::move(pixels);
  frame.time = std::chrono::milliseconds(40 * number);
  return frame;
}

YuvImage Apply(const std::string& text, const YuvImage& image) {
  const auto graph = FilterGraph::Open(text);
  EXPECT_TRUE(graph) << graph.error().message;
  if (!graph) return {};
  const auto out = (*graph)->Apply(FrameOf(image));
  EXPECT_TRUE(out) << out.error().message;
  return out && *out ? **out : YuvImage();
}

bool SamePixels(YuvView a, YuvView b) {
  if (a.width != b.width || a.height != b.height) return false;
  return MeanDifference(a.LumaPlane(), b.LumaPlane()) == 0 &&
         MeanDifference(a.UPlane(), b.UPlane()) == 0 &&
         MeanDifference(a.VPlane(), b.VPlane()) == 0;
}

TEST(FilterGraph, NullChangesNothingAtAnySize) {
  for (const auto& [width, height] :
       {std::pair(64, 48), std::pair(3, 5), std::pair(1, 1)}) {
    const YuvImage image = Moving(width, height, 0);
    EXPECT_TRUE(SamePixels(Apply("null", image).view(), image.view()));
  }
}

TEST(FilterGraph, ItsInputStaysAsItIs) {
  const YuvImage image = Moving(64, 48, 1);
  const YuvImage out = Apply("negate", image);
  EXPECT_TRUE(SamePixels(image.view(), Moving(64, 48, 1).view()));
  EXPECT_FALSE(SamePixels(out.view(), image.view()));
  EXPECT_EQ(out.view().y[5], 255 - image.view().y[5]);
}

TEST(FilterGraph, HueWithoutSaturationIsGrey) {
  const YuvImage image = Moving(64, 48, 0);
  const YuvImage grey = Apply("hue=s=0", image);
  ASSERT_EQ(grey.width(), 64);
  EXPECT_EQ(MeanDifference(grey.view().LumaPlane(), image.view().LumaPlane()),
            0);
  for (int x = 0; x < 32; ++x) {
    EXPECT_NEAR(grey.view().UPlane().Row(7)[x], 128, 1);
    EXPECT_NEAR(grey.view().VPlane().Row(7)[x], 128, 1);
  }
}

TEST(FilterGraph, RowsComeFromTopToBottom) {
  const YuvImage image = Moving(64, 48, 0);
  const YuvImage flipped = Apply("vflip", image);
  EXPECT_GT(flipped.view().y_stride, 0);
  EXPECT_EQ(flipped.view().LumaPlane().Row(0)[3],
            image.view().LumaPlane().Row(47)[3]);
}

TEST(FilterGraph, ColoursSurviveTheWayThroughRgb) {
  for (const YuvColor color : {YuvColor{YuvColor::Matrix::kBt709, false},
                               YuvColor{YuvColor::Matrix::kBt601, false},
                               YuvColor{YuvColor::Matrix::kBt709, true}}) {
    const YuvImage image = Moving(64, 48, 0, color);
    const YuvImage out = Apply("format=gbrp,null", image);
    EXPECT_EQ(out.color(), color);
    EXPECT_LT(MeanDifference(out.view().LumaPlane(), image.view().LumaPlane()),
              2);
    EXPECT_LT(MeanDifference(out.view().UPlane(), image.view().UPlane()), 4);
  }
}

TEST(FilterGraph, SeveralBranchesAndLabels) {
  const YuvImage image = Moving(64, 48, 0);
  const YuvImage side =
      Apply("[in]split[a][b];[a]null[l];[b]negate[r];[l][r]hstack[out]", image);
  ASSERT_EQ(side.width(), 128);
  EXPECT_EQ(side.view().y[0], image.view().y[0]);
  EXPECT_EQ(side.view().y[64], 255 - image.view().y[0]);
}

TEST(FilterGraph, IsMadeAnewForAnotherSize) {
  const auto graph = FilterGraph::Open("scale=iw/2:ih/2,unsharp,vignette");
  ASSERT_TRUE(graph) << graph.error().message;
  for (const int size : {64, 64, 32, 128, 2}) {
    const auto out = (*graph)->Apply(FrameOf(Moving(size, size, 0)));
    ASSERT_TRUE(out) << out.error().message;
    ASSERT_TRUE(*out);
    EXPECT_EQ((*out)->width(), size / 2);
  }
  const auto size = (*graph)->OutputSize(640, 360);
  ASSERT_TRUE(size) << size.error().message;
  EXPECT_EQ(*size, std::pair(320, 180));
}

TEST(FilterGraph, WhatWantsMoreFramesGivesNoneAtFirst) {
  const auto graph = FilterGraph::Open("tmix=frames=3");
  ASSERT_TRUE(graph) << graph.error().message;
  int results = 0;
  for (int i = 0; i < 8; ++i) {
    const auto out = (*graph)->Apply(FrameOf(Moving(32, 32, i), i));
    ASSERT_TRUE(out) << out.error().message;
    if (*out) ++results;
  }
  EXPECT_GE(results, 5);
}

class Refused : public testing::TestWithParam<const char*> {};

TEST_P(Refused, IsAnInvalidArgumentThatNamesTheGraph) {
  const auto graph = FilterGraph::Open(GetParam());
  ASSERT_FALSE(graph) << GetParam();
  EXPECT_EQ(graph.error().code, ErrorCode::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(
    Dangerous, Refused,
    testing::Values(
        "movie=/etc/passwd", "movie=/etc/passwd[a];[in][a]overlay",
        "[in]null[x];amovie=a.wav,null[y];[x][y]overlay",
        "sendcmd=f=/etc/passwd", "zmq", "azmq", "lut3d=file=/etc/passwd",
        "lut1d=/etc/passwd", "haldclut", "subtitles=/etc/passwd",
        "ass=/etc/passwd", "drawtext=textfile=/etc/passwd", "frei0r=x",
        "ladspa=x", "lv2=x", "vidstabdetect=result=/tmp/x",
        "vidstabtransform=input=/etc/passwd", "metadata=print:file=/tmp/x",
        "psnr=stats_file=/tmp/x", "ssim", "signature=filename=/tmp/x",
        "dnn_processing=model=x", "sr=model=x", "ocr", "openclsrc=source=x",
        "program_opencl=source=x", "coreimage", "curves=psfile=/tmp/x",
        "curves=plot=/tmp/x", "curves=vintage:/tmp/x",
        "curves=::::::::::/tmp/x", "m\\ovie=x", "'movie'=x", " movie =x",
        "null,movie@id=/etc/passwd", "null;movie=x", "removelogo=/tmp/x.png",
        "testsrc", "color=red", "loop=-1:32767:0", "zoompan", "fps=1000"));

INSTANTIATE_TEST_SUITE_P(
    Broken, Refused,
    testing::Values("", ",", ";", "nosuchfilter", "hue=nosuch=1", "hue=s=",
                    "split", "[a]null", "null[b]x", "overlay", "null,,null",
                    "null]", "[in", "eq=contrast=abc(", "hue=h='while(1,1)'",
                    "scale=/x=/etc/passwd", "=", "null null", "\\", "'"));

TEST(FilterGraph, AnUnknownFilterListsWhatThereIs) {
  const auto graph = FilterGraph::Open("nosuchfilter");
  EXPECT_THAT(graph.error().message, HasSubstr("nosuchfilter"));
  EXPECT_THAT(graph.error().message, HasSubstr("vignette"));
}

TEST(FilterGraph, WhatDoesNotSuitTheSizeIsSaidThen) {
  const auto graph = FilterGraph::Open("crop=100:100");
  ASSERT_TRUE(graph) << graph.error().message;
  EXPECT_EQ((*graph)->Apply(FrameOf(Moving(32, 32, 0))).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_TRUE((*graph)->Apply(FrameOf(Moving(128, 128, 0))));
  EXPECT_EQ((*graph)->Apply(FrameOf(YuvImage())).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_FALSE((*graph)->OutputSize(0, 0));
  EXPECT_FALSE((*graph)->OutputSize(-5, 1 << 30));
  const auto huge = FilterGraph::Open("scale=30000:30000");
  ASSERT_TRUE(huge);
  EXPECT_EQ((*huge)->OutputSize(64, 64).error().code,
            ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace ocelli
