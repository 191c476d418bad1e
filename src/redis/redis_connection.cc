#include "redis/redis_connection.h"

#include <hiredis/read.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

namespace ocelli {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kReadBytes = 64 << 10;
constexpr std::size_t kKeptBytes = 1 << 20;

// At least 1 until `deadline` has passed, so that it is not polled busily.
int MillisecondsUntil(RedisConnection::Time deadline) {
  const auto left = std::chrono::ceil<milliseconds>(
      deadline - std::chrono::steady_clock::now());
  return static_cast<int>(
      std::clamp<milliseconds::rep>(left.count(), 0, 1 << 30));
}

// 0, or why not.
int ConnectSocket(int socket, const addrinfo& address,
                  RedisConnection::Time deadline) {
  if (connect(socket, address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd watched{socket, POLLOUT, 0};
  int ready = 0;
  do {
    ready = poll(&watched, 1, MillisecondsUntil(deadline));
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

void AppendCount(std::string& out, char kind, std::size_t count) {
  std::array<char, 24> digits{};
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), count).ptr;
  out += kind;
  out.append(digits.data(), end);
  out += "\r\n";
}

void AppendText(std::string& out, std::string_view text) {
  AppendCount(out, '$', text.size());
  out += text;
  out += "\r\n";
}

}  // namespace

// What hiredis parses becomes a RedisReply at once. Its `void*` are elements
// of the vectors here: such a vector grows only after its last element is
// whole, so that none moves while something is put into it.
struct RedisConnection::Build {
  RedisReply root;
  std::size_t budget = 0;

  static void* Add(const redisReadTask* task, RedisReply::Kind kind,
                   std::size_t bytes) {
    auto& build = *static_cast<Build*>(task->privdata);
    if (build.budget < bytes + sizeof(RedisReply)) return nullptr;
    build.budget -= bytes + sizeof(RedisReply);
    RedisReply* reply = &build.root;
    if (task->parent == nullptr) {
      build.root = {};
    } else {
      auto& elements = static_cast<RedisReply*>(task->parent->obj)->elements;
      reply = &elements.emplace_back();
    }
    reply->kind = kind;
    return reply;
  }
  static void* AddText(const redisReadTask* task, char* text,
                       std::size_t size) {
    const auto kind = task->type == REDIS_REPLY_ERROR ? RedisReply::Kind::kError
                                                      : RedisReply::Kind::kText;
    auto* reply = static_cast<RedisReply*>(Add(task, kind, size));
    if (reply != nullptr) reply->text.assign(text, size);
    return reply;
  }
  // The count is the server's to claim, so nothing is set aside for it.
  static void* AddArray(const redisReadTask* task, int) {
    return Add(task, RedisReply::Kind::kArray, 0);
  }
  static void* AddInteger(const redisReadTask* task, long long value) {
    auto* reply =
        static_cast<RedisReply*>(Add(task, RedisReply::Kind::kInteger, 0));
    if (reply != nullptr) reply->integer = value;
    return reply;
  }
  static void* AddNil(const redisReadTask* task) {
    return Add(task, RedisReply::Kind::kNil, 0);
  }
  static void Free(void*) {}  // All of it is in `root`.
};

Result<std::unique_ptr<RedisConnection>> RedisConnection::Connect(
    const RedisHost& host, Time deadline, std::size_t max_reply_bytes) {
  const auto doing = [&] {
    return "connecting to Redis at " + host.ToString();
  };
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int unknown = getaddrinfo(
      host.name.c_str(), std::to_string(host.port).c_str(), &hints, &found);
  if (unknown != 0) {
    return Fail(ErrorCode::kUnavailable,
                doing() + ": " + gai_strerror(unknown));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(
      found, freeaddrinfo);
  int error = 0;
  for (const addrinfo* address = found; address != nullptr;
       address = address->ai_next) {
    FileDescriptor descriptor(socket(
        address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    error = descriptor.valid()
                ? ConnectSocket(descriptor.number(), *address, deadline)
                : errno;
    if (error != 0) continue;
    const int on = 1;
    setsockopt(descriptor.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(descriptor.number(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    return std::unique_ptr<RedisConnection>(
        new RedisConnection(std::move(descriptor), max_reply_bytes));
  }
  return Fail(error == ETIMEDOUT ? ErrorCode::kDeadlineExceeded
                                 : ErrorCode::kUnavailable,
              doing() + ": " + std::strerror(error) +
                  (error == ECONNREFUSED ? ": is it running there?" : ""));
}

RedisConnection::RedisConnection(FileDescriptor socket,
                                 std::size_t max_reply_bytes)
    : socket_(std::move(socket)),
      max_reply_bytes_(max_reply_bytes),
      build_(std::make_unique<Build>()) {
  static redisReplyObjectFunctions functions = {Build::AddText, Build::AddArray,
                                                Build::AddInteger,
                                                Build::AddNil, Build::Free};
  reader_ = redisReaderCreateWithFunctions(&functions);
  reader_->privdata = build_.get();
  reader_->maxbuf = kKeptBytes;
  build_->budget = max_reply_bytes_;
}

RedisConnection::~RedisConnection() { redisReaderFree(reader_); }

void RedisConnection::Append(std::span<const std::string> arguments) {
  AppendCount(out_, '*', arguments.size());
  for (const std::string& argument : arguments) AppendText(out_, argument);
}

void RedisConnection::Append(std::string_view word) {
  AppendCount(out_, '*', 1);
  AppendText(out_, word);
}

void RedisConnection::Send() {
  while (sent_ < out_.size() && !broken_) {
    const ssize_t count =
        send(socket_.number(), out_.data() + sent_, out_.size() - sent_,
             MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      sent_ += static_cast<std::size_t>(count);
      left_ = true;
    } else if (errno != EINTR) {
      // What it said before it hung up is still to be read.
      broken_ = errno != EAGAIN && errno != EWOULDBLOCK;
      return;
    }
  }
  if (sent_ < out_.size()) return;
  out_.clear();
  if (out_.capacity() > kKeptBytes) out_.shrink_to_fit();
  sent_ = 0;
}

Result<RedisReply> RedisConnection::Receive(Time deadline, int wake) {
  while (true) {
    void* parsed = nullptr;
    const bool good = redisReaderGetReply(reader_, &parsed) == REDIS_OK;
    if (good && parsed != nullptr) {
      build_->budget = max_reply_bytes_;
      return std::move(build_->root);
    }
    if (!good && reader_->err != REDIS_ERR_OOM) {
      return Fail(ErrorCode::kFailedPrecondition,
                  "not the protocol of Redis: does another program, or TLS, "
                  "answer at this port?");
    }
    if (!good || reader_->len > max_reply_bytes_) {
      return Fail(ErrorCode::kResourceExhausted,
                  "an answer of more than " + std::to_string(max_reply_bytes_) +
                      " bytes");
    }
    if (auto waited = Wait(deadline, wake); !waited) return waited.Failure();
    if (auto read = Read(); !read) return read.Failure();
  }
}

// Until there is something to read; sends meanwhile.
Result<> RedisConnection::Wait(Time deadline, int wake) {
  while (true) {
    const bool sending = sent_ < out_.size() && !broken_;
    std::array<pollfd, 2> watched{
        {{socket_.number(),
          static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN), 0},
         {wake, POLLIN, 0}}};
    const int ready =
        poll(watched.data(), wake < 0 ? 1 : 2, MillisecondsUntil(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0 || std::chrono::steady_clock::now() >= deadline) {
      return Fail(ErrorCode::kDeadlineExceeded, "no answer in time");
    }
    if (watched[1].revents != 0) return Fail(ErrorCode::kCancelled, "stopped");
    if (sending && (watched[0].revents & POLLOUT) != 0) Send();
    if ((watched[0].revents & ~POLLOUT) != 0) return {};
  }
}

Result<> RedisConnection::Read() {
  std::array<char, kReadBytes> bytes;
  const ssize_t count =
      recv(socket_.number(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (count > 0) {
    redisReaderFeed(reader_, bytes.data(), static_cast<std::size_t>(count));
    return {};
  }
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  return Fail(ErrorCode::kUnavailable, count == 0
                                           ? std::string("it hung up")
                                           : std::string(std::strerror(errno)));
}

bool RedisConnection::IsIdle() const {
  return out_.empty() && reader_->pos == reader_->len;
}

bool RedisConnection::IsQuiet() const {
  char byte = 0;
  const ssize_t count =
      recv(socket_.number(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace ocelli
