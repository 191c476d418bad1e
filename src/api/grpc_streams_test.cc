#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "api/test_grpc.h"
#include "api/test_grpc_client.h"
#include "ocelli/v1/live.pb.h"

namespace ocelli {
namespace {

using std::chrono_literals::operator""ms;
using ::testing::HasSubstr;

constexpr char kStreamFrames[] = "/ocelli.v1.Vision/StreamFrames";
constexpr char kWatchLive[] = "/ocelli.v1.Live/WatchLive";

// A stream of frames with its client.
struct Frames {
  explicit Frames(TestGrpc& grpc, const std::string& key = {})
      : client(grpc.target()) {
    GrpcClient::AddKey(context, key);
    stream = client.Stream<v1::StreamFramesRequest, v1::StreamFramesResponse>(
        kStreamFrames, context);
  }

  bool Settings(const v1::StreamSettings& settings) {
    v1::StreamFramesRequest request;
    *request.mutable_settings() = settings;
    return stream->Write(request);
  }
  bool Frame(std::uint64_t sequence, std::int64_t time_us = 0,
             const std::string& data = "frame") {
    v1::StreamFramesRequest request;
    request.set_encoded(data);
    request.set_sequence(sequence);
    request.set_time_us(time_us);
    return stream->Write(request);
  }
  grpc::Status End() {
    stream->WritesDone();
    v1::StreamFramesResponse response;
    while (stream->Read(&response)) answers.push_back(response);
    return stream->Finish();
  }

  GrpcClient client;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<v1::StreamFramesRequest,
                                           v1::StreamFramesResponse>>
      stream;
  std::vector<v1::StreamFramesResponse> answers;
};

TEST(GrpcFrames, ComeBackInTheirOrderHoweverMany) {
  TestGrpc grpc;
  Frames frames(grpc);
  std::jthread reader;
  ASSERT_TRUE(frames.Settings({}));
  std::vector<std::uint64_t> read;
  reader = std::jthread([&] {
    v1::StreamFramesResponse response;
    while (frames.stream->Read(&response)) read.push_back(response.sequence());
  });
  for (std::uint64_t i = 0; i < 200; ++i) ASSERT_TRUE(frames.Frame(i));
  frames.stream->WritesDone();
  reader.join();
  EXPECT_TRUE(frames.stream->Finish().ok());
  ASSERT_EQ(read.size(), 200u);
  for (std::uint64_t i = 0; i < 200; ++i) EXPECT_EQ(read[i], i);
}

TEST(GrpcFrames, SettingsHoldFromTheirMessagesFrameOn) {
  TestGrpc grpc;
  Frames frames(grpc);
  v1::StreamSettings settings;
  settings.set_session("one");
  ASSERT_TRUE(frames.Settings(settings));
  ASSERT_TRUE(frames.Frame(1));
  settings.set_mesh(true);
  settings.set_pictures(true);
  ASSERT_TRUE(frames.Settings(settings));
  ASSERT_TRUE(frames.Frame(2, 0, "new"));
  ASSERT_TRUE(frames.End().ok());
  ASSERT_EQ(frames.answers.size(), 2u);
  EXPECT_EQ(frames.answers[0].faces(0).face().mesh_size(), 0);
  EXPECT_EQ(frames.answers[0].picture(), "");
  EXPECT_EQ(frames.answers[0].resumed_tracks(), 3u);
  EXPECT_EQ(frames.answers[1].faces(0).face().mesh_size(), 478);
  EXPECT_EQ(frames.answers[1].picture(), "new");
  EXPECT_EQ(frames.answers[1].resumed_tracks(), 0u);
}

TEST(GrpcFrames, ABadFrameCostsThatFrameAlone) {
  TestGrpc grpc;
  Frames frames(grpc);
  ASSERT_TRUE(frames.Settings({}));
  ASSERT_TRUE(frames.Frame(1, 0, "broken"));
  ASSERT_TRUE(frames.Frame(2));
  ASSERT_TRUE(frames.End().ok());
  ASSERT_EQ(frames.answers.size(), 2u);
  EXPECT_EQ(frames.answers[0].error(), "no picture");
  EXPECT_EQ(frames.answers[1].error(), "");
}

TEST(GrpcFrames, AFrameBeforeSettingsIsRefused) {
  TestGrpc grpc;
  Frames frames(grpc);
  frames.Frame(1);
  EXPECT_EQ(frames.End().error_code(), grpc::INVALID_ARGUMENT);
}

TEST(GrpcFrames, ATimeThatDoesNotGrowEndsTheStreamAfterTheAnswers) {
  TestGrpc grpc;
  Frames frames(grpc);
  ASSERT_TRUE(frames.Settings({}));
  frames.Frame(1, 40'000);
  frames.Frame(2, 40'000);
  EXPECT_EQ(frames.End().error_code(), grpc::INVALID_ARGUMENT);
  ASSERT_EQ(frames.answers.size(), 1u);
  EXPECT_EQ(frames.answers[0].sequence(), 1u);
}

TEST(GrpcFrames, WrongSettingsAreRefused) {
  TestGrpc grpc;
  v1::StreamSettings unknown;
  unknown.add_effects("bad");
  v1::StreamSettings quality;
  quality.set_quality(101);
  for (const auto& settings : {unknown, quality}) {
    Frames first(grpc);
    first.Settings(settings);
    EXPECT_EQ(first.End().error_code(), grpc::INVALID_ARGUMENT);
    Frames later(grpc);
    later.Settings({});
    later.Frame(1);
    later.Settings(settings);
    EXPECT_EQ(later.End().error_code(), grpc::INVALID_ARGUMENT);
    EXPECT_EQ(later.answers.size(), 1u);
  }
  Frames session(grpc);
  session.Settings({});
  v1::StreamSettings other;
  other.set_session("other");
  session.Settings(other);
  EXPECT_EQ(session.End().error_code(), grpc::INVALID_ARGUMENT);
  Frames empty(grpc);
  empty.Settings({});
  empty.stream->Write({});
  EXPECT_EQ(empty.End().error_code(), grpc::INVALID_ARGUMENT);
}

TEST(GrpcFrames, AnEmptyStreamEndsWell) {
  TestGrpc grpc;
  Frames frames(grpc);
  EXPECT_TRUE(frames.End().ok());
}

TEST(GrpcFrames, ARevokedKeyEndsTheStream) {
  GrpcServerOptions options;
  options.check_every = 1ms;
  TestGrpc grpc(options);
  Frames frames(grpc, grpc.access.Key("cam", Scope::kRead));
  ASSERT_TRUE(frames.Settings({}));
  ASSERT_TRUE(frames.Frame(1));
  v1::StreamFramesResponse response;
  ASSERT_TRUE(frames.stream->Read(&response))
      << frames.stream->Finish().error_message();
  ASSERT_TRUE(grpc.access.store->RevokeKey(Caller::Owner(), "cam"));
  EXPECT_FALSE(frames.stream->Read(&response));
  EXPECT_EQ(frames.stream->Finish().error_code(), grpc::UNAUTHENTICATED);
}

TEST(GrpcFrames, ACancelledStreamGivesEverythingBack) {
  GrpcServerOptions options;
  options.streams.in_flight = 1;
  TestGrpc grpc(options);
  {
    Frames frames(grpc);
    ASSERT_TRUE(frames.Settings({}));
    ASSERT_TRUE(frames.Frame(1));
    v1::StreamFramesResponse response;
    ASSERT_TRUE(frames.stream->Read(&response));
    Frames refused(grpc);
    EXPECT_EQ(refused.End().error_code(), grpc::RESOURCE_EXHAUSTED);
    frames.context.TryCancel();
    EXPECT_EQ(frames.End().error_code(), grpc::CANCELLED);
  }
  for (;;) {
    Frames again(grpc);
    if (again.End().ok()) break;
  }
}

TEST(GrpcFrames, AStreamWhoseAnswersNobodyReadsEndsInTime) {
  GrpcServerOptions options;
  options.check_every = 1ms;
  options.write_timeout = 20ms;
  TestGrpc grpc(options);
  Frames frames(grpc);
  v1::StreamSettings settings;
  settings.set_pictures(true);
  ASSERT_TRUE(frames.Settings(settings));
  const std::string large(1 << 20, 'x');
  // Until the stream is broken: the frames under way are bounded.
  std::uint64_t sent = 0;
  while (frames.Frame(sent, 0, large)) ASSERT_LT(++sent, 1000u);
  EXPECT_FALSE(frames.End().ok());
}

TEST(GrpcFrames, AServiceThatEndsAnswersWhatItTook) {
  TestGrpc grpc;
  Frames frames(grpc);
  ASSERT_TRUE(frames.Settings({}));
  ASSERT_TRUE(frames.Frame(1));
  v1::StreamFramesResponse response;
  ASSERT_TRUE(frames.stream->Read(&response));
  EXPECT_TRUE(grpc.server->Drain(std::chrono::minutes(1)));
  EXPECT_EQ(frames.End().error_code(), grpc::UNAVAILABLE);
}

struct Watch {
  Watch(TestGrpc& grpc, const v1::WatchLiveRequest& request)
      : client(grpc.target()) {
    stream =
        client.Stream<v1::WatchLiveRequest, v1::LiveFrame>(kWatchLive, context);
    stream->Write(request);
    stream->WritesDone();
  }
  GrpcClient client;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<v1::WatchLiveRequest, v1::LiveFrame>>
      stream;
};

v1::WatchLiveRequest Cam() {
  v1::WatchLiveRequest request;
  request.set_name("cam");
  request.set_pictures(true);
  request.set_max_side(320);
  return request;
}

TEST(GrpcWatch, SendsFramesUntilTheVideoIsStopped) {
  TestGrpc grpc;
  grpc.board.Show(1);
  Watch watch(grpc, Cam());
  v1::LiveFrame frame;
  ASSERT_TRUE(watch.stream->Read(&frame));
  EXPECT_EQ(frame.sequence(), 1u);
  EXPECT_EQ(frame.picture(), "jpeg of 320");
  EXPECT_EQ(frame.faces(0).face().person().name(), "Ada");
  grpc.board.Show(2);
  ASSERT_TRUE(watch.stream->Read(&frame));
  EXPECT_EQ(frame.sequence(), 2u);
  ASSERT_TRUE(grpc.board.Stop("cam"));
  EXPECT_FALSE(watch.stream->Read(&frame));
  EXPECT_EQ(watch.stream->Finish().error_code(), grpc::NOT_FOUND);
}

TEST(GrpcWatch, RefusesAnUnknownVideoAndWrongNumbers) {
  TestGrpc grpc;
  v1::WatchLiveRequest unknown;
  unknown.set_name("nope");
  Watch watch(grpc, unknown);
  EXPECT_EQ(watch.stream->Finish().error_code(), grpc::NOT_FOUND);
  v1::WatchLiveRequest wrong = Cam();
  wrong.set_frames_a_second(-1);
  Watch another(grpc, wrong);
  EXPECT_EQ(another.stream->Finish().error_code(), grpc::INVALID_ARGUMENT);
}

TEST(GrpcWatch, EndsWithTheService) {
  TestGrpc grpc;
  grpc.board.Show(1);
  Watch watch(grpc, Cam());
  v1::LiveFrame frame;
  ASSERT_TRUE(watch.stream->Read(&frame));
  EXPECT_TRUE(grpc.server->Drain(std::chrono::minutes(1)));
  EXPECT_EQ(watch.stream->Finish().error_code(), grpc::UNAVAILABLE);
}

}  // namespace
}  // namespace ocelli
