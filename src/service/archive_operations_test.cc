#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "archive/test_archive.h"
#include "media/still_image.h"
#include "ocelli/v1/archive.pb.h"
#include "service/test_service.h"

namespace ocelli {
namespace {

using testing::HasSubstr;
using testing::Not;

class ArchiveOperationsTest : public testing::Test {
 protected:
  ArchiveOperationsTest() {
    const std::string root = "dir:" + (service_.folder / "store").string();
    store_ = ObjectStore::Open(root).value();
    OCELLI_CHECK(store_->Check());
    OCELLI_CHECK(
        service_.archives.Save({.name = "cam1",
                                .source = "rtsp://user:swordfish@10.0.0.9/1",
                                .root = root,
                                .spool = service_.folder / "spool",
                                .arguments = {},
                                .created = service_.access.clock.WallTime()}));
    service_.parts.open_store = [](const Task& task) {
      return ObjectStore::Open(task.settings.root);
    };
    service_.Open();
  }

  void Archive(int frames) {
    TestArchive archive(*store_);
    archive.AddFrames(frames);
    archive.AddDropped();
    archive.AddEqual(1);
    archive.End();
    archive.StoreManifest();
  }
  v1::ListFramesRequest Frames(std::uint64_t from = 0, int limit = 0,
                               std::uint64_t step = 0) {
    v1::ListFramesRequest request;
    request.set_name("cam1");
    request.set_from_seq(from);
    request.set_limit(limit);
    request.set_step(step);
    return request;
  }
  Result<v1::ListFramesResponse> List(const v1::ListFramesRequest& request) {
    return service_.Ask<v1::ListFramesResponse>("Archive.ListFrames", request);
  }
  Result<v1::Picture> Picture(std::uint64_t seq, int max_side = 0) {
    v1::GetFramePictureRequest request;
    request.set_name("cam1");
    request.set_seq(seq);
    request.set_max_side(max_side);
    return service_.Ask<v1::Picture>("Archive.GetFramePicture", request);
  }
  Result<v1::VerifyArchiveResponse> Verify(bool quick = false) {
    v1::VerifyArchiveRequest request;
    request.set_name("cam1");
    request.set_quick(quick);
    return service_.Ask<v1::VerifyArchiveResponse>("Archive.VerifyArchive",
                                                   request);
  }

  TestService service_;
  std::unique_ptr<ObjectStore> store_;
};

TEST_F(ArchiveOperationsTest, ArchivesAreListedWithoutSecrets) {
  const auto list = service_.Ask<v1::ListArchivesResponse>(
      "Archive.ListArchives", v1::ListArchivesRequest());
  ASSERT_EQ(list.value().archives_size(), 1);
  const v1::ArchiveSummary& archive = list->archives(0);
  EXPECT_EQ(archive.name(), "cam1");
  EXPECT_EQ(archive.state(), "new");
  EXPECT_FALSE(archive.running());
  EXPECT_THAT(list->DebugString(), Not(HasSubstr("swordfish")));
}

TEST_F(ArchiveOperationsTest, FramesComeInPagesAndSteps) {
  Archive(10);
  const auto page = List(Frames(2, 3));
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->frames_size(), 3);
  EXPECT_EQ(page->frames(0).seq(), 2u);
  EXPECT_EQ(page->frames(0).digest(),
            Sha256(TestArchive::PictureOf(2)).ToHex());
  EXPECT_EQ(page->frames(0).width(), 64);
  EXPECT_EQ(page->frames(0).pts_us(), 2'000'000);
  EXPECT_EQ(page->frames(0).time().seconds(),
            std::chrono::floor<std::chrono::seconds>(TestArchive::TimeOf(2))
                .time_since_epoch()
                .count());
  EXPECT_TRUE(page->more());
  EXPECT_EQ(page->first_seq(), 0u);
  EXPECT_EQ(page->last_seq(), 11u);
  EXPECT_GT(page->last_time().seconds(), page->first_time().seconds());
  const auto steps = List(Frames(0, 0, 5));
  ASSERT_EQ(steps.value().frames_size(), 3);
  EXPECT_EQ(steps->frames(2).seq(), 10u);
  EXPECT_TRUE(steps->frames(2).dropped());
  EXPECT_FALSE(steps->more());
  EXPECT_EQ(List(Frames(1000)).value().frames_size(), 0);
}

TEST_F(ArchiveOperationsTest, SenselessPagesAreRefused) {
  Archive(3);
  for (const int limit : {-1, 1001, std::numeric_limits<int>::min()}) {
    EXPECT_EQ(List(Frames(0, limit)).error().code, ErrorCode::kInvalidArgument);
  }
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  EXPECT_TRUE(List(Frames(kMost, 1, kMost)));
}

TEST_F(ArchiveOperationsTest, OnlyWholeNamesOfTasksAreArchives) {
  Archive(3);
  for (const char* name :
       {"cam", "", "cam2", "../cam1", "cam1/", "/etc/passwd"}) {
    auto request = Frames();
    request.set_name(name);
    EXPECT_EQ(List(request).error().code, ErrorCode::kNotFound) << name;
  }
}

TEST_F(ArchiveOperationsTest, WithoutAnyFrameThatIsSaid) {
  EXPECT_EQ(List(Frames()).error().code, ErrorCode::kNotFound);
}

TEST_F(ArchiveOperationsTest, AFrameIsShownAsItWasArchived) {
  Archive(3);
  const auto picture = Picture(2);
  ASSERT_TRUE(picture) << picture.error().message;
  EXPECT_EQ(picture->data(), TestArchive::PictureOf(2));
  EXPECT_EQ(picture->content_type(), "image/jpeg");
  EXPECT_EQ(picture->etag(), Sha256(TestArchive::PictureOf(2)).ToHex());
  EXPECT_EQ(Picture(4)->data(), TestArchive::PictureOf(1));  // Its equal.
  EXPECT_EQ(Picture(3).error().code, ErrorCode::kNotFound);  // Dropped.
  EXPECT_EQ(Picture(5).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Picture(1, -1).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(ArchiveOperationsTest, OtherBytesThanWereArchivedAreNotShown) {
  TestArchive archive(*store_);
  archive.AddFrames(3);
  archive.StoreManifest();
  PutText(*store_, archive.KeyOf(1), "PICTURE 101");
  PutText(*store_, archive.KeyOf(2), std::string(100'000, 'x'));
  EXPECT_EQ(Picture(1).error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(Picture(2).error().code, ErrorCode::kDataLoss);
  ASSERT_TRUE(store_->Delete(archive.KeyOf(0)));
  EXPECT_EQ(Picture(0).error().code, ErrorCode::kNotFound);
}

TEST_F(ArchiveOperationsTest, AnArchiveIsVerified) {
  TestArchive archive(*store_);
  archive.AddFrames(5);
  archive.StoreManifest();
  const auto good = Verify();
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_TRUE(good->good());
  EXPECT_EQ(good->frames(), 5u);
  EXPECT_EQ(good->head(), archive.head().ToHex());
  ASSERT_TRUE(store_->Delete(archive.KeyOf(3)));
  const auto bad = Verify(true);
  ASSERT_TRUE(bad);
  EXPECT_FALSE(bad->good());
  ASSERT_EQ(bad->findings_size(), 1);
  EXPECT_THAT(bad->findings(0), HasSubstr(archive.KeyOf(3)));
}

}  // namespace
}  // namespace ocelli
