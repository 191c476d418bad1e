#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/file_descriptor.h"
#include "core/test_folder.h"
#include "redis/redis_client.h"

namespace ocelli {

// Asks until it is so. False after `limit`.
inline bool EventuallyTrue(
    const std::function<bool()>& condition,
    std::chrono::milliseconds limit = std::chrono::seconds(30)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

// A port of 127.0.0.1 that is free now, below those that the system gives to
// others, so that a server that was killed finds its own again.
inline int FreeTestPort() {
  static std::minstd_rand random{std::random_device()()};
  while (true) {
    const int port = std::uniform_int_distribution(11000, 31000)(random);
    const FileDescriptor probe(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    if (bind(probe.number(), reinterpret_cast<sockaddr*>(&address),
             sizeof(address)) == 0) {
      return port;
    }
  }
}

// A process of a test; killed in the end, or when the thread that made it ends
// (its death signal). Make it from the thread that runs the test.
class TestProcess {
 public:
  // `words[0]` is the file, `name` what the process is told that it is called.
  TestProcess(std::vector<std::string> words, const std::string& name)
      : words_(std::move(words)), file_(words_[0]) {
    words_[0] = name;
    for (std::string& word : words_) pointers_.push_back(word.data());
    pointers_.push_back(nullptr);
    Start();
  }
  ~TestProcess() { Kill(); }
  TestProcess(const TestProcess&) = delete;
  TestProcess& operator=(const TestProcess&) = delete;

  void Start() {
    OCELLI_CHECK(pid_ < 0);
    const pid_t parent = getpid();
    pid_ = fork();
    OCELLI_CHECK(pid_ >= 0);
    if (pid_ > 0) return;
    // Between fork and exec only what is safe there.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    const int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    execv(file_.c_str(), pointers_.data());
    _exit(127);
  }
  void Kill() {
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    waitpid(std::exchange(pid_, -1), nullptr, 0);
  }
  void Pause() { OCELLI_CHECK(kill(pid_, SIGSTOP) == 0); }
  void Resume() { OCELLI_CHECK(kill(pid_, SIGCONT) == 0); }
  // It ended by itself.
  bool Ended() {
    if (pid_ >= 0 && waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
    return pid_ < 0;
  }
  pid_t pid() const { return pid_; }

 private:
  std::vector<std::string> words_;
  const std::string file_;
  std::vector<char*> pointers_;
  pid_t pid_ = -1;
};

struct RedisServerOptions {
  // As on the command line: {"--maxmemory", "2mb"}.
  std::vector<std::string> arguments;
  std::string password;      // Of the default user.
  bool append_only = false;  // What was acknowledged outlives a Kill().
  // What to run: Debian's redis-tools has the server inside.
  std::vector<std::string> program = {"/usr/bin/redis-check-rdb"};
};

// A real Redis on a free port of 127.0.0.1 with a folder of its own; keeps
// nothing on disk unless told. Ready when it is made. Not thread-safe.
class RedisServer {
 public:
  explicit RedisServer(RedisServerOptions options = {})
      : options_(std::move(options)) {
    // Another process may take the port meanwhile.
    for (int attempt = 0; attempt < 5 && process_ == nullptr; ++attempt) {
      port_ = FreeTestPort();
      auto started = std::make_unique<TestProcess>(Words(), "redis-server");
      process_ = std::move(started);
      if (!WaitUntilReady()) process_.reset();
    }
    OCELLI_CHECK(process_ != nullptr);
  }

  int port() const { return port_; }
  pid_t pid() const { return process_->pid(); }
  const TestFolder& folder() const { return folder_; }
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url() const {
    return options_.password.empty() ? "redis://" + host()
                                     : url("", options_.password);
  }
  std::string url(const std::string& user, const std::string& password) const {
    return "redis://" + user + ":" + password + "@" + host();
  }

  void Kill() { process_->Kill(); }  // SIGKILL.
  // On the same port, after Kill().
  void Restart() {
    process_->Start();
    OCELLI_CHECK(WaitUntilReady());
  }
  void Pause() { process_->Pause(); }  // SIGSTOP.
  void Resume() { process_->Resume(); }

  // One command, as an administrator: {"CONFIG", "SET", ...}.
  Result<RedisReply> Run(std::vector<std::string> words) const {
    auto client = RedisClient::Open(ParseRedisUrl(url()).value());
    return (*client)->Run({std::move(words), RedisEffect::kOnce, 0});
  }

 private:
  std::vector<std::string> Words() const {
    std::vector<std::string> words = options_.program;
    const auto add = [&](std::initializer_list<std::string> more) {
      words.insert(words.end(), more);
    };
    add({"--port", std::to_string(port_), "--bind", "127.0.0.1", "--dir",
         folder_.path().string(), "--logfile", (folder_ / "redis.log").string(),
         "--save", "", "--appendonly", options_.append_only ? "yes" : "no",
         "--appendfsync", "always"});
    if (!options_.password.empty()) add({"--requirepass", options_.password});
    words.insert(words.end(), options_.arguments.begin(),
                 options_.arguments.end());
    return words;
  }
  bool WaitUntilReady() {
    return EventuallyTrue([&] {
             return process_->Ended() || Run({"PING"}).has_value();
           }) &&
           !process_->Ended();
  }

  const RedisServerOptions options_;
  TestFolder folder_;
  int port_ = 0;
  std::unique_ptr<TestProcess> process_;
};

// A client of it, sure to be one.
inline std::unique_ptr<RedisClient> OpenTestRedis(
    const std::string& url, const RedisOptions& options = {},
    MetricsRegistry* metrics = nullptr) {
  return std::move(
      RedisClient::Open(ParseRedisUrl(url).value(), options, metrics).value());
}

}  // namespace ocelli
