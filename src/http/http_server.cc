#include "http/http_server.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <latch>
#include <utility>

#include "core/log.h"
#include "http/connection.h"
#include "http/lane.h"
#include "http/tls_identity.h"
#include "http/transport.h"

namespace ocelli {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr int kBacklog = 4096;
// After what accept() can't help, such as no file descriptor left.
constexpr std::chrono::milliseconds kAcceptPause{100};

std::string ClientText(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6())
        .to_string();
  }
  return address.to_string();
}

Error ListenError(const HttpServerOptions& options, const error_code& error) {
  const std::string where = "listening on " + options.address + " port " +
                            std::to_string(options.port) + ": ";
  switch (error.value()) {
    case EADDRINUSE:
      return {ErrorCode::kUnavailable,
              where +
                  "another program has that port: end it, or choose "
                  "another port"};
    case EACCES:
      return {
          ErrorCode::kPermissionDenied,
          where + "ports below 1024 need the right to: choose a higher one"};
    case EADDRNOTAVAIL:
      return {ErrorCode::kInvalidArgument,
              where + "this machine does not have that address"};
    default:
      return {ErrorCode::kUnavailable, where + error.message()};
  }
}

class Server final : public HttpServer {
 public:
  Server(HttpServerOptions options, HttpHandler& handler,
         MetricsRegistry& registry)
      : parts_(std::move(options), handler, registry) {
    const int lanes = std::max(parts_.options.io_threads, 1);
    for (int i = 0; i < lanes; ++i) lanes_.push_back(std::make_unique<Lane>());
    acceptor_.emplace(lanes_[0]->context());
    pause_.emplace(lanes_[0]->context());
    reload_.emplace(lanes_[0]->context());
    parts_.on_connection_end = [this] {
      if (!waiting_for_room_.exchange(false)) return;
      asio::post(lanes_[0]->context(), [this] { Accept(); });
    };
  }

  ~Server() override {
    std::latch ended(static_cast<std::ptrdiff_t>(lanes_.size()));
    if (started_) {
      StopAccepting();
      for (const auto& lane : lanes_) {
        asio::post(lane->context(), [&] {
          lane->ForEach(&Peer::EndNow);
          ended.count_down();
        });
      }
      ended.wait();
    }
    parts_.workers.Finish();
    for (const auto& lane : lanes_) lane->Stop();
  }

  Result<> Listen() {
    const HttpServerOptions& options = parts_.options;
    if (!options.certificate.empty() || !options.private_key.empty()) {
      auto identity =
          TlsIdentity::Load(options.certificate, options.private_key);
      if (!identity) return identity.Failure("listening");
      identity_ = *std::move(identity);
    }
    error_code error;
    const auto address = asio::ip::make_address(options.address, error);
    if (error) {
      return Fail(ErrorCode::kInvalidArgument,
                  "listening: not an IPv4 or IPv6 address: " + options.address);
    }
    const tcp::endpoint endpoint(address, options.port);
    acceptor_->open(endpoint.protocol(), error);
    if (!error)
      acceptor_->set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_->bind(endpoint, error);
    if (!error) acceptor_->listen(kBacklog, error);
    if (!error) port_ = acceptor_->local_endpoint(error).port();
    if (error) return tl::unexpected(ListenError(options, error));
    for (const auto& lane : lanes_) lane->Start();
    started_ = true;
    asio::post(lanes_[0]->context(), [this] {
      Accept();
      if (identity_) AwaitReload();
    });
    return {};
  }

  std::uint16_t port() const override { return port_; }
  std::size_t connections() const override { return parts_.counts.total(); }

  bool Drain(std::chrono::milliseconds patience) override {
    parts_.draining = true;
    StopAccepting();
    for (const auto& lane : lanes_) {
      asio::post(lane->context(),
                 [lane = lane.get()] { lane->ForEach(&Peer::Drain); });
    }
    return parts_.counts.AwaitNone(patience);
  }

 private:
  // Returns once no more connection is taken.
  void StopAccepting() {
    std::latch closed(1);
    asio::post(lanes_[0]->context(), [&] {
      error_code ignored;
      acceptor_->close(ignored);
      pause_->cancel();
      reload_->cancel();
      closed.count_down();
    });
    closed.wait();
  }

  // On the first lane, as all below.
  void AwaitReload() {
    reload_->expires_after(parts_.options.reload_every);
    reload_->async_wait([this](error_code stopped) {
      if (stopped || !acceptor_->is_open()) return;
      identity_->Refresh();
      AwaitReload();
    });
  }

  void Accept() {
    if (!acceptor_->is_open() || accepting_) return;
    waiting_for_room_ = true;
    if (parts_.counts.total() >= parts_.options.max_connections) return;
    // Whoever ended a connection meanwhile has posted this function again.
    if (!waiting_for_room_.exchange(false)) return;
    accepting_ = true;
    Lane& lane = *lanes_[next_lane_++ % lanes_.size()];
    acceptor_->async_accept(
        lane.context(), [this, &lane](error_code error, tcp::socket socket) {
          accepting_ = false;
          OnAccepted(error, lane, std::move(socket));
        });
  }

  void OnAccepted(error_code error, Lane& lane, tcp::socket socket) {
    if (!acceptor_->is_open()) return;
    if (error && error != asio::error::connection_aborted) {
      Log(LogLevel::kError, "accepting a connection failed",
          {{"reason", error.message()}});
      pause_->expires_after(kAcceptPause);
      pause_->async_wait([this](error_code stopped) {
        if (!stopped) Accept();
      });
      return;
    }
    if (!error) Take(lane, std::move(socket));
    Accept();
  }

  void Take(Lane& lane, tcp::socket socket) {
    error_code error;
    const auto peer = socket.remote_endpoint(error);
    if (error) return;
    socket.set_option(tcp::no_delay(true), error);
    socket.set_option(asio::socket_base::keep_alive(true), error);
    std::string client = ClientText(peer.address());
    std::string group = ClientGroup(client);
    if (!parts_.counts.Add(group)) {
      parts_.metrics.Refused("connections_of_client");
      return;
    }
    auto connection = std::make_shared<Connection>(
        parts_, lane,
        identity_ ? MakeTlsTransport(lane.context(), std::move(socket),
                                     identity_->context())
                  : MakePlainTransport(lane.context(), std::move(socket)),
        std::move(client), ConnectionSlot(parts_, std::move(group)));
    asio::post(lane.context(), [&lane, connection = std::move(connection)] {
      lane.Add(connection);
      connection->Start();
    });
  }

  ServerParts parts_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::optional<tcp::acceptor> acceptor_;
  std::optional<asio::steady_timer> pause_;
  std::optional<asio::steady_timer> reload_;
  std::unique_ptr<TlsIdentity> identity_;
  std::atomic<bool> waiting_for_room_ = false;
  bool accepting_ = false;
  std::size_t next_lane_ = 0;
  std::uint16_t port_ = 0;
  bool started_ = false;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Start(
    HttpServerOptions options, HttpHandler& handler, MetricsRegistry& metrics) {
  auto server = std::make_unique<Server>(std::move(options), handler, metrics);
  if (auto listening = server->Listen(); !listening) return listening.Failure();
  return server;
}

}  // namespace ocelli
