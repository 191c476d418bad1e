#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>

#include "core/check.h"
#include "core/worker_pool.h"
#include "http/connection_counts.h"
#include "http/http_metrics.h"
#include "http/http_server.h"

namespace ocelli {

// What all connections of a server share; outlives them.
struct ServerParts {
  ServerParts(HttpServerOptions options_in, HttpHandler& handler_in,
              MetricsRegistry& registry);

  // Of a request: unique for as long as anybody reads logs.
  std::string NewId();

  const HttpServerOptions options;
  HttpHandler& handler;
  HttpMetrics metrics;
  ConnectionCounts counts;
  WorkerPool workers;
  std::atomic<bool> draining = false;
  std::function<void()> on_connection_end;

 private:
  const std::string id_prefix_;
  std::atomic<std::uint64_t> next_id_ = 0;
};

// A connection as its lane sees it. On the lane's thread only.
class Peer {
 public:
  virtual ~Peer() = default;
  // Finishes what is under way, then ends.
  virtual void Drain() = 0;
  virtual void EndNow() = 0;
};

// One I/O thread with the connections that it serves: each is touched by this
// thread only.
class Lane {
 public:
  Lane() : work_(context_.get_executor()) {}
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  ~Lane() { OCELLI_CHECK(!thread_.joinable()); }

  boost::asio::io_context& context() { return context_; }
  void Start() {
    thread_ = std::thread([this] { context_.run(); });
  }
  void Stop() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

  // The rest on the lane's thread.
  void Add(std::shared_ptr<Peer> peer) {
    Peer* const key = peer.get();
    peers_.emplace(key, std::move(peer));
  }
  void Remove(Peer* peer) { peers_.erase(peer); }
  // Calls may end peers.
  void ForEach(void (Peer::*call)()) {
    const auto peers = peers_;
    for (const auto& [key, peer] : peers) ((*peer).*call)();
  }

 private:
  // Only one thread runs it.
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type>
      work_;
  // Shared with what is under way on their sockets.
  std::unordered_map<Peer*, std::shared_ptr<Peer>> peers_;
  std::thread thread_;
};

// A place in the counts, given back in the end.
class ConnectionSlot {
 public:
  // `group` was added to the counts.
  ConnectionSlot(ServerParts& parts, std::string group)
      : parts_(&parts), group_(std::move(group)) {}
  ConnectionSlot(ConnectionSlot&& other) noexcept
      : parts_(std::exchange(other.parts_, nullptr)),
        group_(std::move(other.group_)) {}
  ConnectionSlot& operator=(ConnectionSlot&&) = delete;
  ~ConnectionSlot() {
    if (parts_ == nullptr) return;
    parts_->counts.Remove(group_);
    parts_->on_connection_end();
  }

 private:
  ServerParts* parts_;
  std::string group_;
};

}  // namespace ocelli
