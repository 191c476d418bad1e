#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/ascii.h"
#include "core/check.h"

namespace ocelli {

// An HTTP/1.1 server for tests, on a free port of 127.0.0.1: many connections
// at a time, each a thread, kept open between requests; bodies are read. What
// it answers, and how it misbehaves, is written by the test.
class TestUploadServer {
 public:
  struct Request {
    std::string method;
    std::string target;                          // As sent.
    std::map<std::string, std::string> headers;  // Names in lower case.
    std::string body;
    int connection = 0;  // Counted from 0.

    std::string Header(const std::string& name) const {
      const auto found = headers.find(name);
      return found == headers.end() ? std::string() : found->second;
    }
  };
  struct Reply {
    enum class Then {
      kGoOn,
      kClose,
      kReset,    // The connection, without a farewell.
      kSilence,  // Until the server ends.
    };
    std::string bytes;  // Status line, headers and body.
    Then then = Then::kGoOn;
  };
  // Called on the connections' threads.
  using Handler = std::function<Reply(const Request&)>;
  // Answers before the body is read, or not at all.
  using EarlyHandler = std::function<std::optional<Reply>(const Request&)>;

  explicit TestUploadServer(Handler handler, EarlyHandler early = {})
      : handler_(std::move(handler)), early_(std::move(early)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    OCELLI_CHECK(listener_ >= 0 && bind(listener_, generic, size) == 0 &&
                 listen(listener_, 512) == 0 &&
                 getsockname(listener_, generic, &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Accept(); });
  }
  ~TestUploadServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int connection : connections_) {
        shutdown(connection, SHUT_RDWR);
      }
    }
    for (std::thread& thread : threads_) thread.join();
    for (const int connection : connections_) close(connection);
    close(listener_);
  }
  TestUploadServer(const TestUploadServer&) = delete;
  TestUploadServer& operator=(const TestUploadServer&) = delete;

  // "http://127.0.0.1:PORT/..."
  std::string Address(const std::string& target) const {
    return "http://127.0.0.1:" + std::to_string(port_) + target;
  }
  std::vector<Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  int connections() const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(connections_.size());
  }

  static std::string Status(const std::string& status,
                            const std::string& body = {},
                            const std::string& headers = {}) {
    return "HTTP/1.1 " + status +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           headers + "\r\n" + body;
  }
  // Always this.
  static Handler Answer(const std::string& bytes) {
    return [=](const Request&) { return Reply{bytes}; };
  }

 private:
  void Accept() {
    while (true) {
      const int connection = accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      const std::lock_guard lock(mutex_);
      const int number = static_cast<int>(connections_.size());
      connections_.push_back(connection);
      threads_.emplace_back([=, this] { Serve(connection, number); });
    }
  }

  void Serve(int connection, int number) {
    std::string received;
    while (true) {
      Request request;
      request.connection = number;
      std::size_t end = 0;
      while ((end = received.find("\r\n\r\n")) == received.npos) {
        if (!Receive(connection, received)) return;
      }
      ParseHead(received.substr(0, end + 2), request);
      received.erase(0, end + 4);
      std::optional<Reply> reply;
      if (early_) reply = early_(request);
      if (!reply) {
        const auto length = static_cast<std::size_t>(
            std::atoll(request.Header("content-length").c_str()));
        while (received.size() < length) {
          if (!Receive(connection, received)) return;
        }
        request.body = received.substr(0, length);
        received.erase(0, length);
      }
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
      }
      if (!reply) reply = handler_(request);
      if (!Send(connection, reply->bytes)) return;
      if (reply->then == Reply::Then::kSilence) return;
      if (reply->then == Reply::Then::kClose) {
        // What it did not read makes a reset of this, as with real servers.
        return Close(connection, false);
      }
      if (reply->then == Reply::Then::kReset) return Close(connection, true);
    }
  }

  // The socket's number stays taken, so that the list above stays right.
  static void Close(int connection, bool reset) {
    const linger hard{1, 0};
    if (reset) {
      setsockopt(connection, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    }
    const int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    dup2(other, connection);
    close(other);
  }

  static void ParseHead(const std::string& head, Request& request) {
    std::size_t line_end = head.find("\r\n");
    const std::string first = head.substr(0, line_end);
    const std::size_t blank = first.find(' ');
    request.method = first.substr(0, blank);
    request.target = first.substr(blank + 1, first.rfind(' ') - blank - 1);
    for (std::size_t from = line_end + 2; from < head.size();
         from = line_end + 2) {
      line_end = head.find("\r\n", from);
      const std::string line = head.substr(from, line_end - from);
      const std::size_t colon = line.find(": ");
      if (colon == line.npos) continue;
      request.headers[LowerCase(line.substr(0, colon))] =
          line.substr(colon + 2);
    }
  }

  // False where the client has closed.
  static bool Receive(int connection, std::string& received) {
    char bytes[16 << 10];
    const ssize_t count = recv(connection, bytes, sizeof(bytes), 0);
    if (count <= 0) return false;
    received.append(bytes, static_cast<std::size_t>(count));
    return true;
  }

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
  const EarlyHandler early_;
  const int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int port_ = 0;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<Request> requests_;
  std::vector<int> connections_;
  std::vector<std::thread> threads_;  // Only by thread_ and, after it, ~.
  std::thread thread_;
};

}  // namespace ocelli
