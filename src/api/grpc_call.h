#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/grpc_entrance.h"
#include "api/message_stream.h"
#include "core/result.h"
#include "core/worker_pool.h"
#include "service/operation.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace ocelli {

// A method of ours: `operation`, or `stream` where messages come or go one
// after the other.
struct GrpcMethod {
  const google::protobuf::MethodDescriptor* descriptor = nullptr;
  const Operation* operation = nullptr;
  std::function<Result<>(MessageStream&)> stream;
};

struct GrpcCallLimits {
  std::chrono::milliseconds message_timeout{
      60'000};                                      // Until a request is whole.
  std::chrono::milliseconds write_timeout{30'000};  // Nobody reads.
  std::chrono::milliseconds check_every{1000};      // Of keys of streams.
};

// A call that is under way. Thread-safe.
class LiveGrpcCall {
 public:
  virtual ~LiveGrpcCall() = default;
  // Looks at the time and, of a stream, at the caller's key.
  virtual void Tick() = 0;
  // The service ends: a stream comes to its end by itself.
  virtual void Wind() = 0;
};

// The calls under way. Thread-safe.
class GrpcCalls {
 public:
  using Place = std::list<std::weak_ptr<LiveGrpcCall>>::iterator;

  Place Add(std::weak_ptr<LiveGrpcCall> call);
  void Remove(Place place);
  std::size_t size() const;
  void ForEach(const std::function<void(LiveGrpcCall&)>& visit) const;

 private:
  mutable std::mutex mutex_;
  std::list<std::weak_ptr<LiveGrpcCall>> calls_;  // Guarded by mutex_.
};

// What calls need; all of it outlives them.
struct GrpcDesk {
  GrpcEntrance& entrance;
  WorkerPool& pool;  // Where operations and streams wait.
  GrpcCalls& calls;
  const Clock& clock;
  GrpcCallLimits limits;
};

// The methods, as gRPC takes them. `desk` outlives it.
std::unique_ptr<grpc::Service> MakeGrpcService(
    const std::vector<GrpcMethod>& methods, const GrpcDesk& desk);

}  // namespace ocelli
