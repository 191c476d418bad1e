#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "access/test_access.h"
#include "api/grpc_server.h"
#include "ocelli/v1/people.pb.h"
#include "ocelli/v1/system.pb.h"
#include "ocelli/v1/vision.pb.h"

namespace ocelli {

// For tests: three operations, of READ, WRITE and ADMIN. Recognize does what a
// test says.
class GrpcTestService final : public Service {
 public:
  using Recognize = std::function<Result<v1::RecognizeResponse>(
      const CallContext&, v1::RecognizeRequest&)>;

  explicit GrpcTestService(MetricsRegistry& metrics)
      : requests_(metrics, SystemClock()) {
    operations_.Add<v1::RecognizeRequest, v1::RecognizeResponse>(
        "Vision.Recognize",
        [this](const CallContext& context, v1::RecognizeRequest& request) {
          return recognize ? recognize(context, request)
                           : Result<v1::RecognizeResponse>();
        });
    operations_.Add<v1::RenamePersonRequest, v1::PersonSummary>(
        "People.RenamePerson",
        [](const CallContext&, const v1::RenamePersonRequest& request)
            -> Result<v1::PersonSummary> {
          v1::PersonSummary person;
          person.set_name(request.new_name());
          return person;
        });
    operations_.Add<v1::ListKeysRequest, v1::ListKeysResponse>(
        "System.ListKeys",
        [](const CallContext&, const v1::ListKeysRequest&)
            -> Result<v1::ListKeysResponse> { return v1::ListKeysResponse(); });
  }

  const OperationTable& operations() const override { return operations_; }
  const ServiceParts& parts() const override { std::abort(); }
  RequestCounters& requests() override { return requests_; }
  Result<> Warm(const std::stop_token&) override { return {}; }
  bool ready() const override { return is_ready; }

  Recognize recognize;
  std::atomic<bool> is_ready = true;

 private:
  OperationTable operations_;
  RequestCounters requests_;
};

// One video "cam", whose frames a test shows.
class GrpcTestBoard final : public LiveBoard {
  using Shot = std::shared_ptr<const LiveShot>;

 public:
  Result<> Start(LiveVideoSettings) override { return {}; }
  Result<> Stop(const std::string&) override {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
    return {};
  }
  std::vector<LiveVideoStatus> List() const override { return {}; }
  Result<LiveVideoStatus> Find(const std::string&) const override {
    return LiveVideoStatus();
  }
  Result<Shot> Last(const std::string&) const override { return Shot(); }
  Result<Shot> Next(const std::string& name, const Shot& after,
                    std::chrono::milliseconds patience,
                    const std::stop_token& stop) override {
    if (name != "cam") return Fail(ErrorCode::kNotFound, "no video " + name);
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, patience,
                      [&] { return stopped_ || shot_ != after; });
    if (stop.stop_requested()) return Fail(ErrorCode::kCancelled, "stopped");
    if (stopped_) return Fail(ErrorCode::kNotFound, "the video was stopped");
    return shot_ == after ? Shot() : shot_;
  }
  Result<std::shared_ptr<const std::string>> Jpeg(const Shot&,
                                                  int max_side) override {
    return std::make_shared<const std::string>("jpeg of " +
                                               std::to_string(max_side));
  }
  void StopAll() override {}

  void Show(std::uint64_t sequence) {
    auto shot = std::make_shared<LiveShot>();
    shot->frame.sequence = sequence;
    shot->faces.resize(1);
    shot->faces[0].name = "Ada";
    const std::lock_guard lock(mutex_);
    shot_ = std::move(shot);
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  Shot shot_;  // Guarded by mutex_, as is:
  bool stopped_ = false;
};

// Answers each frame with its own size, in order. Effect "bad" is none.
class TestFrames final : public FrameStream {
 public:
  static Result<std::unique_ptr<FrameStream>> Open(
      const FrameStreamSettings& settings, const FrameStreamOptions& options,
      const std::stop_token& stop) {
    auto frames = std::make_unique<TestFrames>(options, stop);
    if (auto done = frames->Configure(settings); !done) return done.Failure();
    return frames;
  }
  TestFrames(const FrameStreamOptions& options, std::stop_token stop)
      : options_(options), stop_(std::move(stop)) {}

  Result<> Configure(const FrameStreamSettings& settings) override {
    if (!settings.effects.empty() && settings.effects[0] == "bad") {
      return Fail(ErrorCode::kInvalidArgument, "there is no effect bad");
    }
    settings_ = settings;
    return {};
  }
  Result<> Push(StreamedFrame frame) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop_,
                  [&] { return answers_.size() < options_.in_flight; });
    if (stop_.stop_requested()) return Fail(ErrorCode::kCancelled, "stopped");
    if (frame.time && *frame.time <= time_) {
      return Fail(ErrorCode::kInvalidArgument, "its time does not grow");
    }
    if (frame.time) time_ = *frame.time;
    StreamedAnswer answer;
    answer.sequence = frame.sequence;
    answer.time = time_;
    answer.width = frame.width;
    answer.height = frame.height;
    answer.faces.resize(1);
    answer.faces[0].face.mesh.resize(478);
    if (settings_.pictures) answer.picture = frame.data;
    if (frame.data == "broken") {
      answer.error = Error{ErrorCode::kInvalidArgument, "no picture"};
    }
    answers_.push_back(std::move(answer));
    most_ = std::max(most_, answers_.size());
    changed_.notify_all();
    return {};
  }
  void Finish() override {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    changed_.notify_all();
  }
  Result<std::optional<StreamedAnswer>> Pop() override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop_, [&] { return finished_ || !answers_.empty(); });
    if (stop_.stop_requested()) return Fail(ErrorCode::kCancelled, "stopped");
    if (answers_.empty()) return std::optional<StreamedAnswer>();
    std::optional answer = std::move(answers_.front());
    answers_.erase(answers_.begin());
    changed_.notify_all();
    return answer;
  }
  std::size_t resumed_tracks() const override {
    return options_.session.empty() ? 0 : 3;
  }

 private:
  const FrameStreamOptions options_;
  const std::stop_token stop_;
  FrameStreamSettings settings_;  // Of the pushing thread.
  std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_.
  std::vector<StreamedAnswer> answers_;
  std::chrono::microseconds time_{-1};
  std::size_t most_ = 0;
  bool finished_ = false;
};

// A server of these on a port of its own.
struct TestGrpc {
  explicit TestGrpc(GrpcServerOptions options = {}, RequestLimits limits = {})
      : gate(limits, SystemClock()) {
    options.port = 0;
    server =
        GrpcServer::Start(
            options,
            {service, *access.store, board,
             [this](const auto& settings, const auto& with, const auto& stop) {
               return TestFrames::Open(settings, with, stop);
             },
             gate, metrics})
            .value();
  }
  std::string target() const {
    return "127.0.0.1:" + std::to_string(server->port());
  }

  TestAccess access;
  MetricsRegistry metrics;
  GrpcTestService service{metrics};
  GrpcTestBoard board;
  RequestGate gate;
  std::unique_ptr<GrpcServer> server;
};

}  // namespace ocelli
