#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "access/request_gate.h"
#include "core/clock.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace ocelli {

struct PublicGrpcOptions {
  RequestLimits limits{128, 16, {}, {}};
  std::chrono::milliseconds timeout{10'000};  // Of a message, either way.
};

// grpc.health.v1.Health and grpc.reflection.v1alpha.ServerReflection: for
// anybody, without a key, and on gRPC's own threads. Thread-safe.
class PublicGrpc {
 public:
  // `services` of the server; `ready` tells whether they answer.
  static std::unique_ptr<PublicGrpc> Make(std::vector<std::string> services,
                                          std::function<bool()> ready,
                                          const PublicGrpcOptions& options,
                                          const Clock& clock);
  virtual ~PublicGrpc() = default;

  virtual grpc::Service& service() = 0;
  // Tells who watches what has changed, and ends who is too slow.
  virtual void Tick() = 0;
  // Not serving from now on; ends who watches.
  virtual void Wind() = 0;
};

}  // namespace ocelli
