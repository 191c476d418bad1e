#include <gmock/gmock.h>
#include <google/protobuf/empty.pb.h>
#include <gtest/gtest.h>

#include "service/live_messages.h"
#include "service/test_service.h"

namespace ocelli {
namespace {

using google::protobuf::Empty;
using testing::HasSubstr;
using testing::Not;

class LiveOperationsTest : public testing::Test {
 protected:
  Result<v1::LiveVideo> Start(const std::string& name) {
    v1::StartLiveRequest request;
    request.set_name(name);
    request.set_source("rtsp://user:swordfish@10.0.0.9/1");
    request.add_effects("beauty");
    return service_.Ask<v1::LiveVideo>("Live.StartLive", request);
  }
  static v1::NameFaceRequest Name(std::int64_t track,
                                  const std::string& person) {
    v1::NameFaceRequest request;
    request.set_name("door");
    request.set_track(track);
    request.set_person(person);
    return request;
  }
  // Somebody 1 is track 7, somebody 2 was track 8; the picture has both.
  void Show() {
    LiveShot shot;
    shot.faces.resize(2);
    shot.faces[0].track = 7;
    shot.faces[0].face = TestFace(1, 12);
    shot.faces[1].track = 8;
    shot.faces[1].face = TestFace(2, 300);
    shot.faces[1].unseen_for = std::chrono::seconds(1);
    service_.live.Show("door", std::move(shot));
    service_.Know(TestLiveBoard::kPicture, {TestFace(1, 10), TestFace(2, 300)});
  }

  TestService service_;
};

TEST_F(LiveOperationsTest, VideosAreStartedListedAndStopped) {
  const auto started = Start("door");
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_EQ(started->name(), "door");
  EXPECT_EQ(started->state(), "starting");
  EXPECT_EQ(started->effects(0), "beauty");
  EXPECT_THAT(started->DebugString(), Not(HasSubstr("swordfish")));
  EXPECT_EQ(Start("door").error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(
      service_
          .Ask<v1::ListLiveResponse>("Live.ListLive", v1::ListLiveRequest())
          ->videos_size(),
      1);
  v1::StopLiveRequest stop;
  stop.set_name("door");
  ASSERT_TRUE(service_.Ask<Empty>("Live.StopLive", stop));
  EXPECT_EQ(service_.CodeOf("Live.StopLive", stop), ErrorCode::kNotFound);
  v1::GetLiveRequest get;
  get.set_name("door");
  EXPECT_EQ(service_.CodeOf("Live.GetLive", get), ErrorCode::kNotFound);
  EXPECT_EQ(service_.access.store->Audit(Caller::Owner(), 0, 10)->size(), 2u);
}

TEST_F(LiveOperationsTest, WithoutSourceOrNameNothingStarts) {
  EXPECT_EQ(Start("").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Start("a/b").error().code, ErrorCode::kInvalidArgument);
  v1::StartLiveRequest request;
  request.set_name("door");
  EXPECT_EQ(service_.CodeOf("Live.StartLive", request),
            ErrorCode::kInvalidArgument);
}

TEST_F(LiveOperationsTest, TheLastFrameIsShownOnceThereIsOne) {
  ASSERT_TRUE(Start("door"));
  v1::GetLivePictureRequest request;
  request.set_name("door");
  EXPECT_EQ(service_.CodeOf("Live.GetLivePicture", request),
            ErrorCode::kUnavailable);
  Show();
  request.set_max_side(100);
  const auto picture =
      service_.Ask<v1::Picture>("Live.GetLivePicture", request);
  ASSERT_TRUE(picture) << picture.error().message;
  EXPECT_EQ(picture->data(), "the picture of a shot of 100");
  request.set_max_side(-1);
  EXPECT_EQ(service_.CodeOf("Live.GetLivePicture", request),
            ErrorCode::kInvalidArgument);
}

TEST_F(LiveOperationsTest, TheFaceOfATrackIsNamed) {
  ASSERT_TRUE(Start("door"));
  Show();
  const auto named = service_.Ask<Empty>("Live.NameFace", Name(7, "Ada"));
  ASSERT_TRUE(named) << named.error().message;
  const auto people =
      service_.gallery->Identify({TestFace(1), TestFace(2)}, Sha256("x"), {})
          .value();
  ASSERT_TRUE(people[0]);
  EXPECT_EQ(people[0]->name, "Ada");
  EXPECT_FALSE(people[1]);
  EXPECT_EQ(service_.gallery->FacesOf("Ada")->front().source, "live door");
}

TEST_F(LiveOperationsTest, WhoIsNotToBeSeenIsNotNamed) {
  ASSERT_TRUE(Start("door"));
  Show();
  EXPECT_EQ(service_.CodeOf("Live.NameFace", Name(8, "Bob")),
            ErrorCode::kNotFound);
  EXPECT_EQ(service_.CodeOf("Live.NameFace", Name(9, "Bob")),
            ErrorCode::kNotFound);
  EXPECT_EQ(service_.CodeOf("Live.NameFace", Name(7, "")),
            ErrorCode::kInvalidArgument);
  // Hidden by an effect: the picture shows nobody there.
  service_.Know(TestLiveBoard::kPicture, {TestFace(2, 300)});
  EXPECT_EQ(service_.CodeOf("Live.NameFace", Name(7, "Ada")),
            ErrorCode::kFailedPrecondition);
}

TEST_F(LiveOperationsTest, AFrameIsWrittenWithoutDescriptors) {
  LiveShot shot;
  shot.frame.sequence = 5;
  shot.frame.time = std::chrono::milliseconds(1500);
  shot.faces.resize(1);
  shot.faces[0].track = 7;
  shot.faces[0].face = TestFace(1);
  shot.faces[0].name = "Ada";
  shot.faces[0].similarity = 0.7f;
  shot.faces[0].decided = true;
  v1::LiveFrame frame;
  WriteLiveFrame(shot, frame);
  EXPECT_EQ(frame.sequence(), 5u);
  EXPECT_EQ(frame.time_us(), 1'500'000);
  ASSERT_EQ(frame.faces_size(), 1);
  EXPECT_EQ(frame.faces(0).track(), 7);
  EXPECT_EQ(frame.faces(0).face().person().name(), "Ada");
  EXPECT_TRUE(frame.faces(0).decided());
  EXPECT_EQ(frame.faces(0).face().face_descriptor_size(), 0);
}

}  // namespace
}  // namespace ocelli
