#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/file_descriptor.h"

namespace ocelli {

// Answers on a free port of 127.0.0.1 what no Redis answers on demand.
class FakeRedis {
 public:
  struct Reply {
    std::string bytes;
    bool hang_up = false;  // After them.
    bool endless = false;  // The last byte again, until the client has enough.
  };
  // Called from several threads.
  using Handler = std::function<Reply(const std::vector<std::string>& words)>;

  explicit FakeRedis(Handler handler) : handler_(std::move(handler)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    OCELLI_CHECK(bind(listener_.number(), generic, size) == 0 &&
                 listen(listener_.number(), 16) == 0 &&
                 getsockname(listener_.number(), generic, &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Accept(); });
  }
  ~FakeRedis() {
    shutdown(listener_.number(), SHUT_RDWR);
    thread_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const FileDescriptor& open : open_) {
        shutdown(open.number(), SHUT_RDWR);
      }
    }
    for (std::thread& server : servers_) server.join();
  }
  FakeRedis(const FakeRedis&) = delete;
  FakeRedis& operator=(const FakeRedis&) = delete;

  int port() const { return port_; }
  std::string url() const {
    return "redis://127.0.0.1:" + std::to_string(port_);
  }
  // What came, of all connections.
  std::vector<std::vector<std::string>> commands() const {
    const std::lock_guard lock(mutex_);
    return commands_;
  }

 private:
  void Accept() {
    while (true) {
      const int socket = accept(listener_.number(), nullptr, nullptr);
      if (socket < 0) return;
      const std::lock_guard lock(mutex_);
      open_.emplace_back(socket);
      servers_.emplace_back([this, socket] { Serve(socket); });
    }
  }

  void Serve(int socket) {
    std::vector<std::string> words;
    while (ReadCommand(socket, words)) {
      {
        const std::lock_guard lock(mutex_);
        commands_.push_back(words);
      }
      const Reply reply = handler_(words);
      bool open = Send(socket, reply.bytes);
      if (reply.endless) {
        const std::string more(64 << 10, reply.bytes.back());
        while (open) open = Send(socket, more);
      }
      if (reply.hang_up) break;
    }
    shutdown(socket, SHUT_RDWR);
  }

  static bool ReadLine(int socket, std::string& line) {
    line.clear();
    char byte = 0;
    while (!line.ends_with("\r\n")) {
      if (read(socket, &byte, 1) != 1) return false;
      line += byte;
    }
    return true;
  }
  static bool ReadCommand(int socket, std::vector<std::string>& words) {
    std::string line;
    if (!ReadLine(socket, line)) return false;
    words.resize(static_cast<std::size_t>(std::atoi(line.c_str() + 1)));
    for (std::string& word : words) {
      if (!ReadLine(socket, line)) return false;
      word.resize(static_cast<std::size_t>(std::atoi(line.c_str() + 1)));
      for (char& byte : word) {
        if (read(socket, &byte, 1) != 1) return false;
      }
      if (!ReadLine(socket, line)) return false;
    }
    return true;
  }
  static bool Send(int socket, const std::string& bytes) {
    for (std::size_t sent = 0; sent < bytes.size();) {
      const ssize_t count =
          send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) return false;
      sent += static_cast<std::size_t>(count);
    }
    return true;
  }

  const Handler handler_;
  const FileDescriptor listener_{
      socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  int port_ = 0;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<std::vector<std::string>> commands_;
  std::list<FileDescriptor> open_;
  std::list<std::thread> servers_;
  std::thread thread_;
};

}  // namespace ocelli
