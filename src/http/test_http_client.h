#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "core/ascii.h"
#include "core/check.h"
#include "core/file_descriptor.h"

namespace ocelli {

// A response as it came. Status 0: the connection ended before.
struct ReceivedResponse {
  int status = 0;
  std::string head;
  std::string body;

  std::string Field(const std::string& name) const {
    const std::size_t at =
        LowerCase(head).find("\r\n" + LowerCase(name) + ": ");
    if (at == head.npos) return "";
    const std::size_t begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

// Whatever carries bytes to a server and back.
class ByteChannel {
 public:
  virtual ~ByteChannel() = default;
  // False: the other end is gone.
  virtual bool Send(std::string_view bytes) = 0;
  // Some bytes; empty: the end, however it came.
  virtual std::string Receive() = 0;
};

// TCP to a port of 127.0.0.1, byte by byte what the test says. Waits 20 s at
// most for anything.
class TcpChannel : public ByteChannel {
 public:
  explicit TcpChannel(std::uint16_t port, int receive_buffer = 0)
      : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer > 0) {
      setsockopt(socket_.number(), SOL_SOCKET, SO_RCVBUF, &receive_buffer,
                 sizeof(receive_buffer));
    }
    const timeval patience{20, 0};
    setsockopt(socket_.number(), SOL_SOCKET, SO_RCVTIMEO, &patience,
               sizeof(patience));
    const int on = 1;
    setsockopt(socket_.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ =
        connect(socket_.number(), reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) == 0;
  }

  bool connected() const { return connected_; }
  int number() const { return socket_.number(); }

  bool Send(std::string_view bytes) override {
    while (!bytes.empty()) {
      if (!Await(POLLOUT)) return false;
      const auto sent = send(socket_.number(), bytes.data(), bytes.size(),
                             MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  std::string Receive() override {
    std::string bytes(64 << 10, '\0');
    if (!Await(POLLIN)) return "";
    const auto got = recv(socket_.number(), bytes.data(), bytes.size(), 0);
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
  }
  void EndSending() { shutdown(socket_.number(), SHUT_WR); }
  // With a reset instead of an end.
  void Reset() {
    const linger now{1, 0};
    setsockopt(socket_.number(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    socket_.Close();
  }
  void Close() { socket_.Close(); }

 private:
  bool Await(short event) const {
    pollfd wanted{socket_.number(), event, 0};
    return poll(&wanted, 1, 20'000) == 1;
  }

  FileDescriptor socket_;
  bool connected_ = false;
};

// Requests and responses over a channel.
class TestHttpClient {
 public:
  explicit TestHttpClient(ByteChannel& channel) : channel_(channel) {}

  bool Send(std::string_view bytes) { return channel_.Send(bytes); }
  // A request without a body, or with one that has its length.
  bool Request(const std::string& line, const std::string& body = {},
               const std::string& fields = {}) {
    return Send(line + " HTTP/1.1\r\nHost: test\r\n" + fields +
                (body.empty() ? std::string()
                              : "Content-Length: " +
                                    std::to_string(body.size()) + "\r\n") +
                "\r\n" + body);
  }

  // Up to `end` and with it; empty: the connection ended before.
  std::string ReadUntil(const std::string& end) {
    std::size_t at;
    while ((at = rest_.find(end)) == rest_.npos) {
      const std::string more = channel_.Receive();
      if (more.empty()) return "";
      rest_ += more;
    }
    std::string text = rest_.substr(0, at + end.size());
    rest_.erase(0, at + end.size());
    return text;
  }
  std::string ReadBytes(std::size_t size) {
    while (rest_.size() < size) {
      const std::string more = channel_.Receive();
      if (more.empty()) return "";
      rest_ += more;
    }
    std::string text = rest_.substr(0, size);
    rest_.erase(0, size);
    return text;
  }
  // What comes until the connection ends.
  std::string ReadAll() {
    for (std::string more; !(more = channel_.Receive()).empty();) rest_ += more;
    return std::exchange(rest_, {});
  }
  // One chunk of a body; empty: the last, or the end.
  std::string ReadChunk() {
    const std::string line = ReadUntil("\r\n");
    const auto size = std::strtoul(line.c_str(), nullptr, 16);
    const std::string bytes = ReadBytes(size + 2);
    return bytes.substr(0, std::min<std::size_t>(size, bytes.size()));
  }

  ReceivedResponse ReadHead() {
    ReceivedResponse response;
    response.head = ReadUntil("\r\n\r\n");
    if (response.head.starts_with("HTTP/1.1 ")) {
      response.status = std::atoi(response.head.c_str() + 9);
    }
    return response;
  }
  ReceivedResponse ReadResponse() {
    ReceivedResponse response = ReadHead();
    const std::string length = response.Field("Content-Length");
    if (!length.empty()) response.body = ReadBytes(std::stoul(length));
    return response;
  }

 private:
  ByteChannel& channel_;
  std::string rest_;
};

}  // namespace ocelli
