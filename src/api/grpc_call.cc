#include "api/grpc_call.h"

#include <grpc/grpc.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <optional>
#include <stop_token>
#include <utility>

#include "api/grpc_status.h"
#include "core/work_scope.h"

namespace ocelli {
namespace {

using grpc::ByteBuffer;
using std::chrono::steady_clock;

constexpr std::size_t kMostMessageBytes = 2000;  // Trailers have little room.

// The client counts down to the deadline too, and may end the call before us.
constexpr std::chrono::milliseconds kClockSlack{50};

std::string_view View(grpc::string_ref text) {
  return {text.data(), text.size()};
}

grpc::Status StatusOf(const Error& error) {
  return {static_cast<grpc::StatusCode>(GrpcStatusOf(error.code)),
          error.message.substr(0, kMostMessageBytes)};
}

Result<> Parse(ByteBuffer& bytes, google::protobuf::Message& message) {
  const auto parsed =
      grpc::GenericDeserialize<grpc::ProtoBufferReader,
                               google::protobuf::Message>(&bytes, &message);
  if (parsed.ok()) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "what was sent is no " + message.GetTypeName());
}

Result<ByteBuffer> Serialize(const google::protobuf::Message& message) {
  ByteBuffer bytes;
  bool own = false;
  const auto done =
      grpc::GenericSerialize<grpc::ProtoBufferWriter,
                             google::protobuf::Message>(message, &bytes, &own);
  if (done.ok()) return bytes;
  return Fail(ErrorCode::kInternal, "the answer is too large for one message");
}

struct MethodEntry {
  GrpcMethod method;
  std::string name;  // "ocelli.v1.Vision.Recognize".
  std::string path;  // "/ocelli.v1.Vision/Recognize".
  Action action = Action::kAdminister;
};

// One call. A unary one is a stream with one message each way: so its body is
// not read before it has been let in. Keeps itself until gRPC is done with it.
class GrpcCall final : public grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>,
                       public LiveGrpcCall,
                       public MessageStream,
                       public std::enable_shared_from_this<GrpcCall> {
 public:
  GrpcCall(const MethodEntry& entry, const GrpcDesk& desk)
      : entry_(entry), desk_(desk) {}
  ~GrpcCall() override {
    if (call_) grpc_call_unref(call_);
  }

  void Begin(grpc::CallbackServerContext& call) {
    self_ = shared_from_this();
    call_ = call.c_call();
    grpc_call_ref(call_);
    deadline_ = call.deadline();
    const auto refusal = Admit(call);
    since_ = checked_ = desk_.clock.MonotonicTime();
    // From now on Tick() and Wind() may come.
    place_ = desk_.calls.Add(self_);
    if (refusal) return End(refusal->error);
    if (desk_.entrance.closed()) Wind();
    if (entry_.method.operation) {
      reading_ = true;
      StartRead(&in_);
    } else if (!desk_.pool.Run([self = self_] { self->RunStream(); })) {
      End(NoThread());
    }
  }

  // Reactions of gRPC, on its threads.

  void OnReadDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      reading_ = false;
      read_ok_ = ok;
      if (ended_) return;
    }
    changed_.notify_all();
    if (!entry_.method.operation) return;
    if (!ok) {
      End(Final({ErrorCode::kInvalidArgument, "no whole message came"}));
    } else if (!desk_.pool.Run([self = self_] { self->RunOperation(); })) {
      End(NoThread());
    }
  }

  void OnWriteDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      write_ok_ = ok;
    }
    changed_.notify_all();
  }

  void OnCancel() override { Stop(std::nullopt); }

  void OnDone() override {
    desk_.calls.Remove(place_);
    // May be the end of this object.
    const auto self = std::move(self_);
  }

  // LiveGrpcCall

  void Tick() override {
    const auto now = desk_.clock.MonotonicTime();
    bool too_slow = false;
    bool unread = false;
    {
      const std::lock_guard lock(mutex_);
      if (ended_) return;
      too_slow = reading_ && is_first_ &&
                 !entry_.method.descriptor->client_streaming() &&
                 now - since_ > desk_.limits.message_timeout;
      unread = writing_ && now - since_ > desk_.limits.write_timeout;
    }
    if (too_slow) {
      Stop(Error{ErrorCode::kDeadlineExceeded,
                 "the request did not come whole in time"});
      if (entry_.method.operation) End(Final(Cancelled()));
    } else if (unread) {
      Stop(Error{ErrorCode::kDeadlineExceeded, "nobody reads the answers"});
      grpc_call_cancel(call_, nullptr);
    } else if (!entry_.method.operation &&
               now - checked_ >= desk_.limits.check_every) {
      checked_ = now;
      // Also where it can't be found out: that is no leave to go on.
      if (auto valid = desk_.entrance.StillValid(visit_); !valid) {
        Stop(valid.error());
      }
    }
  }

  void Wind() override {
    if (entry_.method.operation) return;
    if (!entry_.method.descriptor->client_streaming()) return Stop(Ending());
    {
      const std::lock_guard lock(mutex_);
      winding_ = true;
    }
    StopReading();
  }

  // MessageStream

  const CallContext& context() const override { return visit_.context; }

  Result<bool> Read(google::protobuf::Message& message) override {
    std::unique_lock lock(mutex_);
    if (read_all_) return false;
    reading_ = true;
    lock.unlock();
    StartRead(&in_);
    lock.lock();
    changed_.wait(
        lock, [&] { return !reading_ || read_all_ || stop_.stop_requested(); });
    if (stop_.stop_requested()) return tl::unexpected(Cancelled());
    if (reading_ || !read_ok_) return false;
    is_first_ = false;
    lock.unlock();
    if (auto parsed = Parse(in_, message); !parsed) return parsed.Failure();
    return true;
  }

  void StopReading() override {
    {
      const std::lock_guard lock(mutex_);
      read_all_ = true;
    }
    changed_.notify_all();
  }

  Result<> Write(const google::protobuf::Message& message) override {
    auto bytes = Serialize(message);
    if (!bytes) return bytes.Failure();
    {
      const std::lock_guard lock(mutex_);
      if (stop_.stop_requested()) return tl::unexpected(Cancelled());
      writing_ = true;
      since_ = desk_.clock.MonotonicTime();
      out_ = std::move(*bytes);
    }
    StartWrite(&out_);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !writing_; });
    if (!write_ok_) return tl::unexpected(Cancelled());
    return {};
  }

 private:
  static Error Cancelled() {
    return {ErrorCode::kCancelled, "the request was cancelled"};
  }
  static Error Ending() {
    return {ErrorCode::kUnavailable, "the service ends; begin again elsewhere"};
  }
  static Error NoThread() {
    return {ErrorCode::kResourceExhausted,
            "no thread is free for the request; try again later"};
  }

  std::optional<GrpcRefusal> Admit(grpc::CallbackServerContext& call) {
    GrpcHead head;
    head.method = entry_.name;
    head.is_stream = !entry_.method.operation;
    head.action = entry_.action;
    head.peer = call.peer();
    const auto& metadata = call.client_metadata();
    const auto keys = metadata.equal_range("authorization");
    for (auto key = keys.first; key != keys.second; ++key) {
      head.authorizations.push_back(View(key->second));
    }
    if (const auto id = metadata.find("x-request-id"); id != metadata.end()) {
      head.request_id = View(id->second);
    }
    auto refusal = desk_.entrance.Admit(head, visit_);
    visit_.context.stop = stop_.get_token();
    call.AddInitialMetadata("x-request-id", visit_.context.request_id);
    if (refusal && refusal->retry_after.count() > 0) {
      // What clients that retry by themselves go by (gRFC A6).
      const std::chrono::milliseconds wait = refusal->retry_after;
      call.AddTrailingMetadata("grpc-retry-pushback-ms",
                               std::to_string(wait.count()));
    }
    return refusal;
  }

  void RunOperation() {
    const Operation& operation = *entry_.method.operation;
    const std::unique_ptr<google::protobuf::Message> request(
        operation.request->New());
    const std::unique_ptr<google::protobuf::Message> response(
        operation.response->New());
    Result<> done = Parse(in_, *request);
    if (done) {
      const WorkScope scope(visit_.context.client, visit_.context.stop);
      done = Call(operation, visit_.context, *request, *response);
    }
    if (!done) return End(Final(done.error()));
    auto bytes = Serialize(*response);
    if (!bytes) return End(bytes.error());
    out_ = std::move(*bytes);
    End(std::nullopt);
  }

  void RunStream() {
    const WorkScope scope(visit_.context.client, visit_.context.stop);
    const Result<> done = entry_.method.stream(*this);
    if (!done) return End(Final(done.error()));
    bool winding = false;
    {
      const std::lock_guard lock(mutex_);
      winding = winding_;
    }
    End(winding ? std::optional(Ending()) : std::nullopt);
  }

  // What the client is told where something gave up.
  Error Final(const Error& error) {
    const std::lock_guard lock(mutex_);
    if (error.code != ErrorCode::kCancelled && !stop_.stop_requested()) {
      return error;
    }
    if (verdict_) return *verdict_;
    if (desk_.clock.WallTime() + kClockSlack >= deadline_) {
      return {ErrorCode::kDeadlineExceeded,
              "the deadline of the request is over"};
    }
    return error;
  }

  void Stop(std::optional<Error> verdict) {
    {
      const std::lock_guard lock(mutex_);
      if (!verdict_) verdict_ = std::move(verdict);
    }
    stop_.request_stop();
    // Who waits for changed_ has seen it, or is woken.
    { const std::lock_guard lock(mutex_); }
    changed_.notify_all();
  }

  // Of an operation that succeeded, with the message in out_.
  void End(const std::optional<Error>& error) {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(ended_, true)) return;
    }
    const auto self = self_;  // gRPC may be done before this is.
    desk_.entrance.Leave(entry_.name, error ? &*error : nullptr, visit_);
    if (error) {
      Finish(StatusOf(*error));
    } else if (entry_.method.operation) {
      StartWriteAndFinish(&out_, grpc::WriteOptions(), grpc::Status::OK);
    } else {
      Finish(grpc::Status::OK);
    }
    desk_.entrance.Note(entry_.name, error ? &*error : nullptr, visit_);
  }

  const MethodEntry& entry_;
  const GrpcDesk& desk_;
  // Owners: gRPC until OnDone(), and the thread that works for it.
  std::shared_ptr<GrpcCall> self_;
  grpc_call* call_ = nullptr;
  std::chrono::system_clock::time_point deadline_;
  GrpcCalls::Place place_;
  GrpcVisit visit_;
  std::stop_source stop_;
  steady_clock::time_point checked_;  // Of Tick() alone.
  ByteBuffer in_;
  ByteBuffer out_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  steady_clock::time_point since_;  // Of what is waited for.
  bool reading_ = false;
  bool read_ok_ = false;
  bool is_first_ = true;
  bool writing_ = false;
  bool write_ok_ = false;
  bool read_all_ = false;  // No more is wanted.
  bool winding_ = false;
  bool ended_ = false;
  std::optional<Error> verdict_;  // Why we stopped it.
};

class MethodsService final : public grpc::Service {
 public:
  MethodsService(const std::vector<GrpcMethod>& methods, const GrpcDesk& desk)
      : desk_(desk) {
    using Handler = grpc::internal::CallbackBidiHandler<ByteBuffer, ByteBuffer>;
    entries_.reserve(methods.size());
    for (const GrpcMethod& method : methods) {
      const auto& descriptor = *method.descriptor;
      const auto& route = descriptor.options().GetExtension(v1::route);
      const MethodEntry& entry = entries_.emplace_back(MethodEntry{
          method, descriptor.full_name(),
          "/" + descriptor.service()->full_name() + "/" + descriptor.name(),
          ActionOf(route)});
      AddMethod(new grpc::internal::RpcServiceMethod(
          entry.path.c_str(), grpc::internal::RpcMethod::BIDI_STREAMING,
          nullptr));
      MarkMethodRawCallback(
          static_cast<int>(entries_.size() - 1),
          new Handler([this, &entry](grpc::CallbackServerContext* context) {
            const auto call = std::make_shared<GrpcCall>(entry, desk_);
            call->Begin(*context);
            return call.get();
          }));
    }
  }

 private:
  const GrpcDesk desk_;
  std::vector<MethodEntry> entries_;  // Does not grow: gRPC keeps the paths.
};

}  // namespace

std::unique_ptr<grpc::Service> MakeGrpcService(
    const std::vector<GrpcMethod>& methods, const GrpcDesk& desk) {
  return std::make_unique<MethodsService>(methods, desk);
}

}  // namespace ocelli
