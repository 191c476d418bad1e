#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "access/access.h"
#include "access/request_gate.h"
#include "api/grpc_frames.h"
#include "core/clock.h"
#include "core/result.h"
#include "live/live_board.h"
#include "metrics/metrics.h"
#include "service/service.h"

namespace ocelli {

// What it is made of; all outlive it.
struct GrpcParts {
  Service& service;
  AccessStore& access;
  LiveBoard& live;
  OpenFrameStream open_frames;  // api/frame_streams.h.
  RequestGate& gate;            // The one of all transports.
  MetricsRegistry& metrics;
};

struct GrpcServerOptions {
  std::string address = "127.0.0.1";  // IPv4 or IPv6, no name.
  std::uint16_t port = 50051;         // 0: any that is free.
  // PEM. Empty: without TLS. Each handshake sees whether they have changed;
  // what can't be used is logged and the old ones stay. TLS 1.2 and later.
  std::filesystem::path certificate;  // With the chain.
  std::filesystem::path private_key;

  std::size_t max_message_bytes = 40 << 20;  // Coming in.
  std::size_t max_memory_bytes = 1 << 30;    // Of all that is on its way.
  int max_calls_of_connection = 128;         // At a time; more wait.
  // Threads at most that wait: one for each request, two for each stream.
  std::size_t workers = 512;
  RequestLimits streams{64, 16, {}, {}};       // At a time.
  RequestLimits without_key{128, 16, {}, {}};  // Health and reflection.

  std::chrono::milliseconds handshake_timeout{10'000};  // TLS, HTTP/2.
  std::chrono::milliseconds message_timeout{
      60'000};                                      // Until a request is whole.
  std::chrono::milliseconds write_timeout{30'000};  // Nobody reads a stream.
  std::chrono::milliseconds idle_timeout{300'000};  // Without any call.
  std::chrono::milliseconds keep_alive{30'000};     // Between pings of ours,
  std::chrono::milliseconds keep_alive_timeout{10'000};  // and for the answer.
  // How often the key of a stream is asked for, and who is too slow.
  std::chrono::milliseconds check_every{1'000};
};

// proto/ocelli/v1 over gRPC: each operation of the service, frame streams, live
// pictures; and without a key grpc.health.v1 and server reflection.
// Thread-safe.
class GrpcServer {
 public:
  // Listens and answers from now on. kInvalidArgument: no such address, no
  // usable certificate; kUnavailable, kPermissionDenied: the port can't be had.
  static Result<std::unique_ptr<GrpcServer>> Start(
      const GrpcServerOptions& options, const GrpcParts& parts,
      const Clock& clock = SystemClock());
  // Drain(0).
  virtual ~GrpcServer() = default;

  virtual std::uint16_t port() const = 0;

  // Takes no more calls, ends streams, and waits until those under way have
  // been answered, for so long at most: then they are cancelled. Whether all
  // were.
  virtual bool Drain(std::chrono::milliseconds patience) = 0;
};

}  // namespace ocelli
