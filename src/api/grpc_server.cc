#include "api/grpc_server.h"

#include <arpa/inet.h>
#include <grpc/support/log.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "api/grpc_call.h"
#include "api/grpc_certificates.h"
#include "api/grpc_entrance.h"
#include "api/grpc_public.h"
#include "api/grpc_watch.h"
#include "core/file.h"
#include "core/file_descriptor.h"
#include "core/log.h"
#include "ocelli/v1/live.pb.h"
#include "ocelli/v1/vision.pb.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;

// Of what gRPC says by itself: what went wrong with a connection.
void LogOfGrpc(gpr_log_func_args* line) {
  Log(line->severity == GPR_LOG_SEVERITY_ERROR ? LogLevel::kWarning
                                               : LogLevel::kDebug,
      "gRPC", {{"error", line->message}});
}

bool IsIpv6(const std::string& address) {
  return address.find(':') != address.npos;
}

// gRPC does not say why it can't have a port; the system does.
Result<> CheckAddress(const std::string& address, std::uint16_t port) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  bool is_address = false;
  if (IsIpv6(address)) {
    auto& to = reinterpret_cast<sockaddr_in6&>(storage);
    to.sin6_family = AF_INET6;
    to.sin6_port = htons(port);
    size = sizeof(to);
    is_address = inet_pton(AF_INET6, address.c_str(), &to.sin6_addr) == 1;
  } else {
    auto& to = reinterpret_cast<sockaddr_in&>(storage);
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    size = sizeof(to);
    is_address = inet_pton(AF_INET, address.c_str(), &to.sin_addr) == 1;
  }
  const std::string doing =
      "listening for gRPC on " + address + " port " + std::to_string(port);
  if (!is_address) {
    return Fail(ErrorCode::kInvalidArgument,
                doing + ": that is no IPv4 or IPv6 address");
  }
  const FileDescriptor probe(
      socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  setsockopt(probe.number(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (bind(probe.number(), reinterpret_cast<sockaddr*>(&storage), size) == 0 &&
      listen(probe.number(), 1) == 0) {
    return {};
  }
  const int error = errno;
  if (error == EACCES) {
    return Fail(ErrorCode::kPermissionDenied,
                doing + ": not allowed; ports below 1024 take a privilege");
  }
  return Fail(ErrorCode::kUnavailable, doing + ": " + std::strerror(error));
}

class Server final : public GrpcServer {
 public:
  Server(const GrpcServerOptions& options, const GrpcParts& parts,
         const Clock& clock)
      : options_(options),
        parts_(parts),
        entrance_(parts.access, parts.gate, parts.service.requests(),
                  parts.metrics, options.streams, clock),
        pool_(options.workers),
        desk_{entrance_,
              pool_,
              calls_,
              clock,
              {options.message_timeout, options.write_timeout,
               options.check_every}},
        clock_(clock) {}

  ~Server() override { Drain(milliseconds(0)); }

  Result<> Listen() {
    gpr_set_log_function(&LogOfGrpc);
    if (auto can = CheckAddress(options_.address, options_.port); !can) {
      return can;
    }
    const std::vector<GrpcMethod> methods = Methods();
    service_ = MakeGrpcService(methods, desk_);
    std::set<std::string> services = {
        "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"};
    for (const GrpcMethod& method : methods) {
      services.insert(method.descriptor->service()->full_name());
    }
    public_ = PublicGrpc::Make(
        {services.begin(), services.end()},
        [this] { return parts_.service.ready(); }, {options_.without_key},
        clock_);
    grpc::ServerBuilder builder;
    SetLimits(builder);
    builder.RegisterService(service_.get());
    builder.RegisterService(&public_->service());
    const bool tls = !options_.certificate.empty();
    credentials_ =
        tls ? ReloadedCertificates(options_.certificate, options_.private_key)
            : grpc::InsecureServerCredentials();
    const std::string host = IsIpv6(options_.address)
                                 ? "[" + options_.address + "]"
                                 : options_.address;
    int port = 0;
    builder.AddListeningPort(host + ":" + std::to_string(options_.port),
                             credentials_, &port);
    server_ = builder.BuildAndStart();
    if (!server_ || port == 0) {
      if (!tls) {
        return Fail(ErrorCode::kUnavailable,
                    "listening for gRPC on " + host + ": see the log");
      }
      return Fail(ErrorCode::kInvalidArgument,
                  "listening for gRPC: certificate " +
                      options_.certificate.string() + " with key " +
                      options_.private_key.string() + " can't be used");
    }
    port_ = static_cast<std::uint16_t>(port);
    ticker_ = std::jthread([this](const std::stop_token& stop) { Tick(stop); });
    return {};
  }

  std::uint16_t port() const override { return port_; }

  bool Drain(milliseconds patience) override {
    const std::lock_guard lock(drain_mutex_);
    if (!server_) return true;
    const auto until = std::chrono::steady_clock::now() + patience;
    entrance_.Close();
    public_->Wind();
    calls_.ForEach(&LiveGrpcCall::Wind);
    // Also cancels what is left then, and waits for its end.
    const auto wall = std::chrono::system_clock::now() + patience;
    server_->Shutdown(wall);
    const bool all = std::chrono::steady_clock::now() < until;
    server_.reset();
    ticker_ = {};
    pool_.Finish();
    return all;
  }

 private:
  std::vector<GrpcMethod> Methods() {
    std::vector<GrpcMethod> methods;
    for (const Operation& operation : parts_.service.operations().all()) {
      methods.push_back({operation.method, &operation, nullptr});
    }
    const auto method = [](const google::protobuf::FileDescriptor& file,
                           const char* service, const char* name) {
      return file.FindServiceByName(service)->FindMethodByName(name);
    };
    methods.push_back({method(*v1::StreamFramesRequest::descriptor()->file(),
                              "Vision", "StreamFrames"),
                       nullptr, [this](MessageStream& messages) {
                         return ServeFrames(messages, parts_.open_frames,
                                            pool_);
                       }});
    methods.push_back({method(*v1::WatchLiveRequest::descriptor()->file(),
                              "Live", "WatchLive"),
                       nullptr, [this](MessageStream& messages) {
                         return ServeWatch(messages, parts_.live, clock_);
                       }});
    return methods;
  }

  void SetLimits(grpc::ServerBuilder& builder) {
    const auto set = [&](const char* name, auto value) {
      builder.AddChannelArgument(name, static_cast<int>(value));
    };
    builder.SetMaxReceiveMessageSize(
        static_cast<int>(options_.max_message_bytes));
    builder.SetResourceQuota(
        grpc::ResourceQuota("ocelli").Resize(options_.max_memory_bytes));
    // A few bytes could become any number of them.
    builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
    builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
    set(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
    // Or two servers could share a port without knowing.
    set(GRPC_ARG_ALLOW_REUSEPORT, 0);
    set(GRPC_ARG_MAX_METADATA_SIZE, 16 << 10);
    set(GRPC_ARG_MAX_CONCURRENT_STREAMS, options_.max_calls_of_connection);
    set(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
        options_.handshake_timeout.count());
    set(GRPC_ARG_MAX_CONNECTION_IDLE_MS, options_.idle_timeout.count());
    set(GRPC_ARG_KEEPALIVE_TIME_MS, options_.keep_alive.count());
    set(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, options_.keep_alive_timeout.count());
    set(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    set(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  }

  void Tick(const std::stop_token& stop) {
    constexpr milliseconds kUntilReady{50};
    std::unique_lock lock(tick_mutex_);
    while (!stop.stop_requested()) {
      const milliseconds pause =
          parts_.service.ready() ? options_.check_every
                                 : std::min(kUntilReady, options_.check_every);
      tick_.wait_for(lock, stop, pause, [] { return false; });
      calls_.ForEach(&LiveGrpcCall::Tick);
      public_->Tick();
    }
  }

  const GrpcServerOptions options_;
  const GrpcParts parts_;
  GrpcEntrance entrance_;
  WorkerPool pool_;
  GrpcCalls calls_;
  const GrpcDesk desk_;
  const Clock& clock_;
  std::unique_ptr<grpc::Service> service_;
  std::unique_ptr<PublicGrpc> public_;
  // gRPC is the other owner.
  std::shared_ptr<grpc::ServerCredentials> credentials_;
  std::mutex drain_mutex_;
  std::unique_ptr<grpc::Server> server_;  // Guarded by drain_mutex_.
  std::uint16_t port_ = 0;
  std::mutex tick_mutex_;
  std::condition_variable_any tick_;
  std::jthread ticker_;
};

}  // namespace

Result<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    const GrpcServerOptions& options, const GrpcParts& parts,
    const Clock& clock) {
  auto server = std::make_unique<Server>(options, parts, clock);
  if (auto listening = server->Listen(); !listening) {
    return listening.Failure();
  }
  return server;
}

}  // namespace ocelli
