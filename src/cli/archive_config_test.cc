#include "cli/archive_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/file.h"
#include "core/test_folder.h"

namespace ocelli {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class ReadCamerasTest : public testing::Test {
 protected:
  Result<std::vector<ArchiveWish>> Read(
      const std::string& toml, const std::vector<std::string>& arguments = {}) {
    EXPECT_TRUE(WriteFileAtomically(file(), toml));
    return ReadCameras(file(), arguments);
  }
  std::string ErrorOf(const std::string& toml) {
    const auto read = Read(toml);
    return read ? "none" : read.error().message;
  }
  std::filesystem::path file() const { return folder_.path() / "cameras.toml"; }

  const TestFolder folder_;
};

TEST_F(ReadCamerasTest, TakesThemByNameOrAsAList) {
  const auto named = Read(R"(
    [camera.yard]
    source = "rtsp://host/yard"
    to = "s3://bucket/yard"
    [camera.door]
    source = "rtsp://host/door"
    to = "s3://bucket/door"
    fps = 5
  )");
  ASSERT_TRUE(named) << named.error().message;
  ASSERT_EQ(named->size(), 2u);
  EXPECT_EQ((*named)[0].camera, "door");
  EXPECT_EQ((*named)[0].source, "rtsp://host/door");
  EXPECT_EQ((*named)[0].to, "s3://bucket/door");
  EXPECT_THAT((*named)[0].arguments, Contains("--fps=5"));
  EXPECT_THAT((*named)[0].arguments, Contains("--task=door"));
  EXPECT_THAT((*named)[1].arguments, Not(Contains("--fps=5")));

  const auto list = Read(R"(
    [[camera]]
    name = "b"
    source = "1.mp4"
    to = "x"
    [[camera]]
    source = "2.mp4"
    to = "y"
  )");
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ((*list)[0].camera, "b");
  EXPECT_EQ((*list)[1].camera, "camera2");
  EXPECT_TRUE((*list)[1].arguments.empty());
}

TEST_F(ReadCamerasTest, TheNearestOptionCounts) {
  const auto read = Read(R"(
    to = "s3://bucket"
    fps = 10
    quality = 80
    faces = true
    [camera.a]
    source = "a.mp4"
    [camera.b]
    source = "b.mp4"
    every = "2s"
    quality = 70
  )",
                         {"--quality=60", "--max-side=640"});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ((*read)[0].to, "s3://bucket/a");
  EXPECT_EQ((*read)[1].to, "s3://bucket/b");
  const auto a = ParseArchiveFlags((*read)[0].arguments);
  const auto b = ParseArchiveFlags((*read)[1].arguments);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->fps, 10);
  EXPECT_TRUE(a->faces);
  EXPECT_EQ(b->fps, 0);
  EXPECT_EQ(b->every, "2s");
  EXPECT_EQ(b->quality, 60);
  EXPECT_EQ(b->max_side, 640);
}

TEST_F(ReadCamerasTest, SaysWhereAMistakeIs) {
  EXPECT_THAT(ErrorOf("[camera.a]\nto = \"x\""),
              HasSubstr("cameras.toml:1:1: source is missing"));
  EXPECT_THAT(ErrorOf("[camera.a]\nsource = \"x\""),
              HasSubstr("to is missing"));
  EXPECT_THAT(ErrorOf("[camera.a]\nsource = \"x\"\nto = \"y\"\nfsp = 3"),
              HasSubstr("--fsp"));
  EXPECT_THAT(ErrorOf("[camera.a]\nsource = \"x\"\nto = \"y\"\nfps = {a = 1}"),
              HasSubstr("cameras.toml:4"));
  EXPECT_THAT(ErrorOf("fps = 3"), HasSubstr("no [[camera]]"));
  EXPECT_THAT(ErrorOf("camera = 3"), HasSubstr("[[camera]]"));
  EXPECT_THAT(ErrorOf("[other]\nx = 1\n[camera.a]\nsource = \"x\""),
              HasSubstr("other"));
  EXPECT_THAT(ErrorOf("[camera"), HasSubstr("cameras.toml:1"));
  EXPECT_THAT(ErrorOf("[camera.a]\nsource = \"1\"\nto = \"x\"\n"
                      "[camera.b]\nsource = \"2\"\nto = \"x\""),
              HasSubstr("another camera archives to x"));
}

TEST_F(ReadCamerasTest, AFileThatIsNotThereIsNamed) {
  const auto read = ReadCameras(folder_.path() / "none.toml", {});
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("none.toml"));
}

TEST(ArchiveFlagsTest, SurviveBeingWrittenAndParsedAgain) {
  const auto flags = ParseArchiveFlags({"--changed=2.5", "--faces=true",
                                        "--limit=7", "--spool-full=drop-oldest",
                                        "--parallel=8", "--path-style=true"});
  ASSERT_TRUE(flags) << flags.error().message;
  EXPECT_TRUE(flags->faces);
  EXPECT_TRUE(flags->store.path_style);
  const auto capture = CaptureOptionsFrom(*flags, "x");
  ASSERT_TRUE(capture);
  EXPECT_EQ(capture->selection.changed, .025);
  EXPECT_EQ(capture->max_frames, 7u);
  const auto archiver = ArchiverOptionsFrom(*flags);
  ASSERT_TRUE(archiver);
  EXPECT_EQ(archiver->spool_full, ArchiverOptions::SpoolFull::kDropOldest);
  EXPECT_FALSE(ParseArchiveFlags({"--fps=1", "--every=2s"}));
  for (const auto& [given, part] :
       {std::pair("--changed", .01), std::pair("--changed=true", .01),
        std::pair("--changed=false", .0)}) {
    const auto one = ParseArchiveFlags({given});
    ASSERT_TRUE(one) << given;
    EXPECT_EQ(CaptureOptionsFrom(*one, "x")->selection.changed, part) << given;
  }
  EXPECT_FALSE(CaptureOptionsFrom(*ParseArchiveFlags({"--changed=x"}), "x"));
  EXPECT_FALSE(ParseArchiveFlags({"--quality=101"}));
}

}  // namespace
}  // namespace ocelli
