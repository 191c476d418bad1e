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
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/file_descriptor.h"

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

// A port of 127.0.0.1 that nobody else takes while this lives, so that a server
// that was killed finds its own again: bound, not listened at, which does not
// hinder a server that sets SO_REUSEADDR, as Redis does.
class TestPort {
 public:
  TestPort() {
    static std::minstd_rand random{std::random_device()()};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    do {
      // Below those that the system gives to connections.
      number_ = std::uniform_int_distribution(11000, 31000)(random);
      address.sin_port = htons(static_cast<std::uint16_t>(number_));
    } while (bind(socket_.number(), reinterpret_cast<sockaddr*>(&address),
                  sizeof(address)) != 0);
    // Only now: what is listened at by others must not be taken.
    const int on = 1;
    OCELLI_CHECK(setsockopt(socket_.number(), SOL_SOCKET, SO_REUSEADDR, &on,
                            sizeof(on)) == 0);
  }
  int number() const { return number_; }
  std::string text() const { return std::to_string(number_); }

 private:
  FileDescriptor socket_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  int number_ = 0;
};

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

}  // namespace ocelli
