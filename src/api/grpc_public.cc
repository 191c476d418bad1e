#include "api/grpc_public.h"

#include <grpc/grpc.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/server_context.h>

#include <algorithm>
#include <atomic>
#include <list>
#include <mutex>
#include <optional>
#include <utility>

#include "api/grpc_entrance.h"
#include "api/grpc_reflection.h"
#include "grpc/health/v1/health.pb.h"

namespace ocelli {
namespace {

namespace health = grpc::health::v1;
namespace reflection = grpc::reflection::v1alpha;
using grpc::ByteBuffer;

class PublicCall;

// What the calls share.
struct PublicState {
  PublicState(std::vector<std::string> services_in,
              std::function<bool()> ready_in, const PublicGrpcOptions& options,
              const Clock& clock_in)
      : services(std::move(services_in)),
        reflection(services),
        ready(std::move(ready_in)),
        timeout(options.timeout),
        clock(clock_in),
        gate(options.limits, clock_in) {}

  health::HealthCheckResponse::ServingStatus StatusOf(
      const std::string& service) const {
    if (!service.empty() && std::find(services.begin(), services.end(),
                                      service) == services.end()) {
      return health::HealthCheckResponse::SERVICE_UNKNOWN;
    }
    return !winding && ready() ? health::HealthCheckResponse::SERVING
                               : health::HealthCheckResponse::NOT_SERVING;
  }

  const std::vector<std::string> services;
  const GrpcReflection reflection;
  const std::function<bool()> ready;
  const std::chrono::milliseconds timeout;
  const Clock& clock;
  RequestGate gate;
  std::atomic<bool> winding = false;
  std::mutex mutex;
  std::list<std::weak_ptr<PublicCall>> calls;  // Guarded by mutex.
};

enum class PublicMethod { kCheck, kWatch, kReflection };

// One call: reads a message, answers it, and so on. Keeps itself until gRPC is
// done with it.
class PublicCall final : public grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>,
                         public std::enable_shared_from_this<PublicCall> {
 public:
  PublicCall(PublicState& state, PublicMethod method)
      : state_(state), method_(method) {}
  ~PublicCall() override {
    if (call_) grpc_call_unref(call_);
  }

  void Begin(grpc::CallbackServerContext& call) {
    self_ = shared_from_this();
    call_ = call.c_call();
    grpc_call_ref(call_);
    auto admission = state_.gate.Enter(AddressOfPeer(call.peer()));
    {
      const std::lock_guard lock(state_.mutex);
      listed_ = state_.calls.insert(state_.calls.end(), self_);
    }
    if (!admission.place) {
      return End({grpc::RESOURCE_EXHAUSTED, "too many calls under way"});
    }
    gate_place_.emplace(std::move(*admission.place));
    if (state_.winding) return End(Ending());
    NextMessage();
  }

  void OnReadDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      reading_ = false;
      if (ended_) return;
    }
    if (ok) return Answer();
    End(method_ == PublicMethod::kReflection
            ? grpc::Status::OK
            : grpc::Status(grpc::INVALID_ARGUMENT, "no whole message came"));
  }

  void OnWriteDone(bool ok) override {
    bool winding = false;
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      winding = winding_;
    }
    if (!ok) return End({grpc::CANCELLED, "cancelled"});
    if (Update()) return;
    if (winding) return End(Ending());
    if (method_ == PublicMethod::kReflection) NextMessage();
  }

  void OnCancel() override {
    {
      const std::lock_guard lock(mutex_);
      if (reading_ || writing_) return;  // It will end with that.
    }
    End({grpc::CANCELLED, "cancelled"});
  }

  void OnDone() override {
    {
      const std::lock_guard lock(state_.mutex);
      state_.calls.erase(listed_);
    }
    // May be the end of this object.
    const auto self = std::move(self_);
  }

  void Tick() {
    {
      const std::lock_guard lock(mutex_);
      if (ended_) return;
      if ((reading_ || writing_) &&
          state_.clock.MonotonicTime() - since_ > state_.timeout) {
        grpc_call_cancel(call_, nullptr);
        return;
      }
    }
    Update();
  }

  // What it writes is its last message; Check ends by itself anyway.
  void Wind() {
    {
      const std::lock_guard lock(mutex_);
      winding_ = true;
    }
    if (Update()) return;
    {
      const std::lock_guard lock(mutex_);
      if (writing_ || method_ == PublicMethod::kCheck) return;
    }
    End(Ending());
  }

 private:
  static grpc::Status Ending() {
    return {grpc::UNAVAILABLE, "the service ends"};
  }

  void NextMessage() {
    {
      const std::lock_guard lock(mutex_);
      if (ended_) return;
      reading_ = true;
      since_ = state_.clock.MonotonicTime();
    }
    StartRead(&in_);
  }

  template <typename Message>
  bool Read(Message& message) {
    if (grpc::GenericDeserialize<grpc::ProtoBufferReader, Message>(&in_,
                                                                   &message)
            .ok()) {
      return true;
    }
    End({grpc::INVALID_ARGUMENT,
         "what was sent is no " + message.GetTypeName()});
    return false;
  }

  template <typename Message>
  void Put(const Message& message) {
    bool own = false;
    out_.Clear();
    const auto done = grpc::GenericSerialize<grpc::ProtoBufferWriter, Message>(
        message, &out_, &own);
    GPR_ASSERT(done.ok());
  }

  void Answer() {
    if (method_ == PublicMethod::kReflection) {
      reflection::ServerReflectionRequest request;
      if (!Read(request)) return;
      Put(state_.reflection.Answer(request));
      {
        const std::lock_guard lock(mutex_);
        writing_ = true;
        since_ = state_.clock.MonotonicTime();
      }
      return StartWrite(&out_);
    }
    health::HealthCheckRequest request;
    if (!Read(request)) return;
    if (method_ == PublicMethod::kWatch) {
      {
        const std::lock_guard lock(mutex_);
        watched_ = request.service();
      }
      Update();
      return;
    }
    health::HealthCheckResponse response;
    response.set_status(state_.StatusOf(request.service()));
    if (response.status() == health::HealthCheckResponse::SERVICE_UNKNOWN) {
      return End({grpc::NOT_FOUND, "there is no such service"});
    }
    Put(response);
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(ended_, true)) return;
    }
    gate_place_.reset();
    StartWriteAndFinish(&out_, grpc::WriteOptions(), grpc::Status::OK);
  }

  // Tells who watches, where there is something new; whether there was.
  bool Update() {
    {
      const std::lock_guard lock(mutex_);
      if (!watched_ || writing_ || ended_) return false;
      health::HealthCheckResponse response;
      response.set_status(state_.StatusOf(*watched_));
      if (told_ == response.status()) return false;
      told_ = response.status();
      Put(response);
      writing_ = true;
      since_ = state_.clock.MonotonicTime();
    }
    StartWrite(&out_);
    return true;
  }

  void End(const grpc::Status& status) {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(ended_, true)) return;
    }
    const auto self = self_;
    gate_place_.reset();
    Finish(status);
  }

  PublicState& state_;
  const PublicMethod method_;
  // Owner: gRPC, until OnDone().
  std::shared_ptr<PublicCall> self_;
  grpc_call* call_ = nullptr;
  std::list<std::weak_ptr<PublicCall>>::iterator listed_;
  std::optional<RequestGate::Place> gate_place_;
  ByteBuffer in_;
  ByteBuffer out_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::chrono::steady_clock::time_point since_;
  bool reading_ = false;
  bool writing_ = false;
  bool winding_ = false;
  bool ended_ = false;
  std::optional<std::string> watched_;
  std::optional<health::HealthCheckResponse::ServingStatus> told_;
};

class PublicService final : public PublicGrpc, public grpc::Service {
 public:
  PublicService(std::vector<std::string> services, std::function<bool()> ready,
                const PublicGrpcOptions& options, const Clock& clock)
      : state_(std::move(services), std::move(ready), options, clock) {
    Add("/grpc.health.v1.Health/Check", PublicMethod::kCheck);
    Add("/grpc.health.v1.Health/Watch", PublicMethod::kWatch);
    Add("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        PublicMethod::kReflection);
  }

  grpc::Service& service() override { return *this; }

  void Tick() override {
    for (const auto& call : Calls()) call->Tick();
  }
  void Wind() override {
    state_.winding = true;
    for (const auto& call : Calls()) call->Wind();
  }

 private:
  void Add(const char* path, PublicMethod method) {
    using Handler = grpc::internal::CallbackBidiHandler<ByteBuffer, ByteBuffer>;
    AddMethod(new grpc::internal::RpcServiceMethod(
        path, grpc::internal::RpcMethod::BIDI_STREAMING, nullptr));
    MarkMethodRawCallback(
        methods_++,
        new Handler([this, method](grpc::CallbackServerContext* context) {
          const auto call = std::make_shared<PublicCall>(state_, method);
          call->Begin(*context);
          return call.get();
        }));
  }

  std::vector<std::shared_ptr<PublicCall>> Calls() {
    std::vector<std::shared_ptr<PublicCall>> calls;
    const std::lock_guard lock(state_.mutex);
    for (const auto& call : state_.calls) {
      if (auto held = call.lock()) calls.push_back(std::move(held));
    }
    return calls;
  }

  PublicState state_;
  int methods_ = 0;
};

}  // namespace

std::unique_ptr<PublicGrpc> PublicGrpc::Make(std::vector<std::string> services,
                                             std::function<bool()> ready,
                                             const PublicGrpcOptions& options,
                                             const Clock& clock) {
  return std::make_unique<PublicService>(std::move(services), std::move(ready),
                                         options, clock);
}

}  // namespace ocelli
