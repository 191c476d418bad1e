#include "api/live_watchers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/test_rest.h"

namespace ocelli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

LiveShot ShotOf(std::uint64_t sequence, const std::string& name = "") {
  LiveShot shot;
  shot.frame.pixels = YuvImage(64, 48, YuvColor());
  shot.frame.sequence = sequence;
  TrackedFace face;
  face.track = 5;
  face.face.descriptor = {1, 2, 3};
  face.name = name;
  shot.faces.push_back(face);
  return shot;
}

std::shared_ptr<FakeStream> Mjpeg(TestRest& rest, HttpFields query = {}) {
  const auto response = rest.Get("/v1/live/cam/mjpeg", std::move(query));
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(FieldOf(response, "Content-Type"),
            "multipart/x-mixed-replace; boundary=ocelli-frame");
  auto stream = std::make_shared<FakeStream>();
  response.stream(stream);
  return stream;
}

HttpHead EventsHead(HttpFields query = {}, HttpFields fields = {}) {
  fields.emplace_back("Upgrade", "websocket");
  return TestRest::Head("GET", "/v1/live/cam/events", std::move(query),
                        std::move(fields));
}

std::shared_ptr<FakeStream> Events(TestRest& rest, const HttpHead& head) {
  auto stream = std::make_shared<FakeStream>();
  const auto verdict = rest.handler->Admit(head);
  EXPECT_FALSE(verdict.refusal) << verdict.refusal->body;
  const auto socket = rest.handler->OpenWebSocket(head, verdict);
  EXPECT_TRUE(socket);
  socket->Open(stream);
  return stream;
}

TEST(LiveWatchersTest, AnMjpegHasAPartForEachFrame) {
  TestRest rest;
  rest.board.Show(ShotOf(1));
  const auto stream = Mjpeg(rest, {{"maxSide", "320"}});
  EXPECT_EQ(stream->Next(),
            "--ocelli-frame\r\nContent-Type: image/jpeg\r\n"
            "Content-Length: 13\r\n\r\njpeg 1 of 320\r\n");
  rest.board.Show(ShotOf(2));
  EXPECT_THAT(stream->Next(), HasSubstr("jpeg 2"));
}

TEST(LiveWatchersTest, EventsAreJsonWithoutWhatPeopleLookLike) {
  TestRest rest;
  rest.board.Show(ShotOf(3, "Ada"));
  const auto stream = Events(rest, EventsHead());
  const std::string text = stream->Next();
  EXPECT_FALSE(stream->binary());
  const json frame = json::parse(text);
  EXPECT_EQ(frame["sequence"], "3");
  EXPECT_EQ(frame["width"], 64);
  EXPECT_EQ(frame["faces"][0]["track"], "5");
  EXPECT_EQ(frame["faces"][0]["face"]["person"]["name"], "Ada");
  EXPECT_EQ(frame["faces"][0]["face"]["descriptor"], json::array());
}

TEST(LiveWatchersTest, EventsWithPicturesAreBinary) {
  TestRest rest;
  rest.board.Show(ShotOf(3));
  const auto stream = Events(rest, EventsHead({{"pictures", "true"}}));
  const std::string message = stream->Next();
  EXPECT_TRUE(stream->binary());
  ASSERT_GT(message.size(), 4u);
  std::size_t length = 0;
  for (int i = 0; i < 4; ++i) {
    length = length << 8 | static_cast<unsigned char>(message[i]);
  }
  EXPECT_EQ(json::parse(message.substr(4, length))["sequence"], "3");
  EXPECT_EQ(message.substr(4 + length), "jpeg 3 of 0");
}

TEST(LiveWatchersTest, AStoppedVideoEndsTheStream) {
  TestRest rest;
  const auto stream = Mjpeg(rest);
  ASSERT_TRUE(rest.board.Stop("cam"));
  EXPECT_EQ(stream->Next(), "");
}

TEST(LiveWatchersTest, WhoLeavesGivesTheSeatBack) {
  RestOptions options;
  options.live.most = 1;
  options.live.check_every = std::chrono::milliseconds(1);
  TestRest rest(options);
  const auto stream = Mjpeg(rest);
  const auto refused = rest.Get("/v1/live/cam/mjpeg");
  EXPECT_EQ(refused.status, 429);
  EXPECT_NE(FieldOf(refused, "Retry-After"), "");
  const auto verdict = rest.handler->Admit(EventsHead());
  ASSERT_TRUE(verdict.refusal);
  EXPECT_EQ(verdict.refusal->status, 429);
  stream->Leave();
  stream->WaitUntilClosed();
  // The seat is free a moment after the stream was closed.
  while (rest.Get("/v1/live/cam/mjpeg").status == 429) {
    std::this_thread::yield();
  }
}

TEST(LiveWatchersTest, ARequestThatNobodyTakesUpKeepsNoSeat) {
  RestOptions options;
  options.live.most = 1;
  TestRest rest(options);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(rest.handler->Admit(EventsHead()).refusal);
    EXPECT_EQ(rest.Get("/v1/live/cam/mjpeg").status, 200);
  }
}

TEST(LiveWatchersTest, ARevokedKeyEndsTheStream) {
  RestOptions options;
  options.live.check_every = std::chrono::milliseconds(0);
  TestRest rest(options);
  const std::string key = rest.access.Key("watcher", Scope::kRead);
  rest.board.Show(ShotOf(1));
  const auto stream =
      Events(rest, EventsHead({}, {{"Authorization", "Bearer " + key}}));
  EXPECT_NE(stream->Next(), "");
  ASSERT_TRUE(rest.access.store->RevokeKey(Caller::Owner(), "watcher"));
  stream->WaitUntilClosed();
}

TEST(LiveWatchersTest, LockingTheServiceEndsStreamsOfAnybody) {
  RestOptions options;
  options.live.check_every = std::chrono::milliseconds(0);
  TestRest rest(options);
  const auto stream = Mjpeg(rest);
  rest.access.Key("first", Scope::kRead);
  stream->WaitUntilClosed();
}

TEST(LiveWatchersTest, TheHandlersEndEndsThem) {
  auto rest = std::make_unique<TestRest>();
  const auto stream = Mjpeg(*rest);
  rest.reset();
  stream->WaitUntilClosed();
}

TEST(LiveWatchersTest, BadRequestsAreRefusedBeforeAThreadBegins) {
  TestRest rest;
  EXPECT_EQ(rest.Get("/v1/live/nope/mjpeg").status, 404);
  EXPECT_EQ(rest.Get("/v1/live/cam/mjpeg", {{"maxSide", "-1"}}).status, 400);
  EXPECT_EQ(rest.Get("/v1/live/cam/mjpeg", {{"size", "1"}}).status, 400);
  const auto plain = rest.Get("/v1/live/cam/events");
  EXPECT_EQ(plain.status, 426);
  EXPECT_EQ(FieldOf(plain, "Upgrade"), "websocket");
  const HttpHead other =
      TestRest::Head("GET", "/v1/people", {}, {{"Upgrade", "websocket"}});
  EXPECT_FALSE(rest.handler->OpenWebSocket(other, rest.handler->Admit(other)));
}

}  // namespace
}  // namespace ocelli
