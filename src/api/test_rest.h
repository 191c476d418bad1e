#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "access/test_access.h"
#include "api/rest_handler.h"
#include "api/test_operations.h"

namespace ocelli {

// For tests: a service whose operations a test answers.
class FakeService final : public Service {
 public:
  explicit FakeService(MetricsRegistry& metrics, const Clock& clock)
      : requests_(metrics, clock) {}

  const OperationTable& operations() const override { return operations_; }
  const ServiceParts& parts() const override { std::abort(); }
  RequestCounters& requests() override { return requests_; }
  Result<> Warm(const std::stop_token&) override { return {}; }
  bool ready() const override { return is_ready; }

  // How a call is answered: nothing set, an empty answer.
  TestCall answer;
  std::atomic<bool> is_ready = true;

 private:
  RequestCounters requests_;
  OperationTable operations_ = AllOperations(
      [this](const google::protobuf::MethodDescriptor& method,
             const CallContext& context, google::protobuf::Message& request,
             google::protobuf::Message& response) -> Result<> {
        return answer ? answer(method, context, request, response) : Result<>();
      });
};

// One video "cam", whose frames a test shows. Thread-safe.
class FakeBoard final : public LiveBoard {
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
  Result<LiveVideoStatus> Find(const std::string& name) const override {
    if (name == "cam") return LiveVideoStatus();
    return Fail(ErrorCode::kNotFound, "no video \"" + name + "\"");
  }
  Result<Shot> Last(const std::string&) const override { return Shot(); }
  Result<Shot> Next(const std::string&, const Shot& after,
                    std::chrono::milliseconds patience,
                    const std::stop_token& stop) override {
    std::unique_lock lock(mutex_);
    ++asked_;
    changed_.notify_all();
    changed_.wait_for(lock, stop, patience,
                      [&] { return stopped_ || last_ != after; });
    if (stopped_) return Fail(ErrorCode::kNotFound, "the video was stopped");
    return last_ == after ? Shot() : last_;
  }
  Result<std::shared_ptr<const std::string>> Jpeg(const Shot& shot,
                                                  int max_side) override {
    return std::make_shared<const std::string>(
        "jpeg " + std::to_string(shot->frame.sequence) + " of " +
        std::to_string(max_side));
  }
  void StopAll() override {}

  void Show(LiveShot shot) {
    const std::lock_guard lock(mutex_);
    last_ = std::make_shared<const LiveShot>(std::move(shot));
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  Shot last_;             // Guarded,
  bool stopped_ = false;  // all three.
  int asked_ = 0;
};

// Keeps what was sent. Thread-safe.
class FakeStream final : public HttpStream {
 public:
  bool Send(std::string message) override {
    return Add(std::move(message), false);
  }
  bool SendBinary(std::string message) override {
    return Add(std::move(message), true);
  }
  void Close() override {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  bool gone() const override { return gone_; }

  void Leave() { gone_ = true; }
  // The next message; waits for it. Empty: it was closed before.
  std::string Next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || !messages_.empty(); });
    if (messages_.empty()) return {};
    std::string message = std::move(messages_.front());
    messages_.pop_front();
    return message;
  }
  void WaitUntilClosed() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_; });
  }
  bool binary() const { return binary_; }

 private:
  bool Add(std::string message, bool binary) {
    const std::lock_guard lock(mutex_);
    binary_ = binary;
    messages_.push_back(std::move(message));
    changed_.notify_all();
    return !gone_;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> messages_;  // Guarded,
  bool closed_ = false;               // both.
  std::atomic<bool> gone_ = false;
  std::atomic<bool> binary_ = false;
};

// A handler over all of it, called without a socket.
class TestRest {
 public:
  explicit TestRest(RestOptions options = {}, RequestLimits limits = {})
      : gate(limits, access.clock),
        service(metrics, access.clock),
        handler(MakeRestHandler({service, *access.store, board, metrics, gate},
                                options, WebAssets(), access.clock)) {}

  // As a program on this machine would ask.
  static HttpHead Head(std::string method, std::string path,
                       HttpFields query = {}, HttpFields fields = {}) {
    HttpHead head;
    head.method = std::move(method);
    head.path = std::move(path);
    head.query = std::move(query);
    head.fields = std::move(fields);
    head.fields.emplace_back("Host", "127.0.0.1:8080");
    head.client = "127.0.0.1";
    head.id = "id-of-server";
    return head;
  }

  HttpResponse Ask(HttpHead head, std::string body = {}) {
    if (!body.empty()) head.content_length = body.size();
    HttpVerdict verdict = handler->Admit(head);
    if (verdict.refusal) return std::move(*verdict.refusal);
    OCELLI_CHECK(body.size() <= verdict.max_body_bytes);
    return handler->Handle(head, std::move(body), verdict, {});
  }
  HttpResponse Get(const std::string& path, HttpFields query = {},
                   HttpFields fields = {}) {
    return Ask(Head("GET", path, std::move(query), std::move(fields)));
  }
  HttpResponse Send(const std::string& method, const std::string& path,
                    const std::string& type, std::string body,
                    HttpFields query = {}) {
    return Ask(Head(method, path, std::move(query), {{"Content-Type", type}}),
               std::move(body));
  }

  TestAccess access;
  MetricsRegistry metrics;
  RequestGate gate;
  FakeBoard board;
  FakeService service;
  const std::unique_ptr<HttpHandler> handler;
};

// Of a response; empty: it has none.
inline std::string FieldOf(const HttpResponse& response,
                           std::string_view name) {
  for (const auto& [key, value] : response.fields) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace ocelli
