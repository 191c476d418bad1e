#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/check.h"

namespace ocelli {

// An HTTP server for tests, on a free port of 127.0.0.1: what it answers is
// written by the test, byte for byte. One connection per request.
class TestHttpServer {
 public:
  struct Reply {
    std::string bytes;       // Status line, headers and body.
    bool keep_open = false;  // Then silence, until the server ends.
    bool endless = false;    // Then the last byte, until the client ends.
  };
  // Gets the whole head of the request.
  using Handler = std::function<Reply(const std::string& request)>;

  explicit TestHttpServer(Handler handler) : handler_(std::move(handler)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    OCELLI_CHECK(listener_ >= 0 && bind(listener_, generic, size) == 0 &&
                 listen(listener_, 16) == 0 &&
                 getsockname(listener_, generic, &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~TestHttpServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    for (const int connection : open_) close(connection);
    close(listener_);
  }
  TestHttpServer(const TestHttpServer&) = delete;
  TestHttpServer& operator=(const TestHttpServer&) = delete;

  std::string Address(const std::string& target) const {
    return "http://127.0.0.1:" + std::to_string(port_) + target;
  }
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

  // "200 OK", with its length.
  static std::string Ok(const std::string& body) {
    return Status("200 OK", body);
  }
  static std::string Status(const std::string& status, const std::string& body,
                            const std::string& headers = {}) {
    return "HTTP/1.1 " + status +
           "\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\nConnection: close\r\n" + headers + "\r\n" + body;
  }

 private:
  void Serve() {
    while (true) {
      const int connection = accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      std::string head;
      char byte = 0;
      while (!head.ends_with("\r\n\r\n") && read(connection, &byte, 1) == 1) {
        head += byte;
      }
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(head);
      }
      const Reply reply = handler_(head);
      bool open = Send(connection, reply.bytes);
      const std::string more(64 << 10,
                             reply.endless ? reply.bytes.back() : ' ');
      while (open && reply.endless) open = Send(connection, more);
      if (reply.keep_open) {
        open_.push_back(connection);
      } else {
        shutdown(connection, SHUT_WR);
        close(connection);
      }
    }
  }

  // False where the client has closed.
  static bool Send(int connection, const std::string& bytes) {
    for (std::size_t sent = 0; sent < bytes.size();) {
      const ssize_t count = send(connection, bytes.data() + sent,
                                 bytes.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) return false;
      sent += static_cast<std::size_t>(count);
    }
    return true;
  }

  const Handler handler_;
  const int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int port_ = 0;
  std::vector<int> open_;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;  // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace ocelli
