#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/file_descriptor.h"
#include "core/result.h"
#include "redis/redis_reply.h"
#include "redis/redis_url.h"

struct redisReader;

namespace ocelli {

// One connection to one server. After an error it is of no more use. Not
// thread-safe.
class RedisConnection {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // kUnavailable, kDeadlineExceeded.
  static Result<std::unique_ptr<RedisConnection>> Connect(
      const RedisHost& host, Time deadline, std::size_t max_reply_bytes);
  ~RedisConnection();
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  // Commands wait until Send(), which hands over what the socket takes without
  // waiting; Receive() goes on with the rest.
  void Append(std::span<const std::string> arguments);
  void Append(std::string_view word);
  void Send();
  // Whether anything was sent since Begin().
  bool left() const { return left_; }
  void Begin() { left_ = false; }

  // The next reply, an error of the server's (kError) too.
  //   kUnavailable         hung up
  //   kDeadlineExceeded    nothing whole until `deadline`
  //   kResourceExhausted   more than max_reply_bytes
  //   kFailedPrecondition  not the protocol of Redis
  //   kCancelled           `wake` (a descriptor; -1: none) became readable
  Result<RedisReply> Receive(Time deadline, int wake = -1);

  // Everything appended was sent, and everything that came was received.
  bool IsIdle() const;
  // That the server has neither hung up nor said anything unasked.
  bool IsQuiet() const;

 private:
  struct Build;

  RedisConnection(FileDescriptor socket, std::size_t max_reply_bytes);
  Result<> Wait(Time deadline, int wake);
  Result<> Read();

  FileDescriptor socket_;
  std::size_t max_reply_bytes_;
  std::unique_ptr<Build> build_;
  redisReader* reader_;
  std::string out_;
  std::size_t sent_ = 0;  // Of out_.
  bool left_ = false;
  bool broken_ = false;  // The server does not read any more.
};

}  // namespace ocelli
