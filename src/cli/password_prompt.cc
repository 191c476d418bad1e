#include "cli/password_prompt.h"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "core/file.h"

namespace ocelli {
namespace {

constexpr std::size_t kMostBytes = 4096;

// Standard input shows nothing of what is typed while this lives.
class HiddenInput {
 public:
  HiddenInput() {
    valid_ = tcgetattr(STDIN_FILENO, &before_) == 0;
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHOE | ECHOK | ECHONL);
    // What was typed before was shown: it is dropped.
    valid_ = valid_ && tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0;
  }
  ~HiddenInput() {
    if (valid_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  HiddenInput(const HiddenInput&) = delete;
  HiddenInput& operator=(const HiddenInput&) = delete;

  bool valid() const { return valid_; }

 private:
  termios before_{};
  bool valid_ = false;
};

Result<std::string> ReadLine(const std::stop_token& stop) {
  std::string line;
  while (true) {
    if (stop.stop_requested()) {
      return Fail(ErrorCode::kCancelled, "no password given");
    }
    // Signals go to a thread of their own and end no read.
    pollfd input{STDIN_FILENO, POLLIN, 0};
    constexpr int kLookForStopMs = 50;
    const int ready = poll(&input, 1, kLookForStopMs);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    char c = 0;
    const ssize_t size = read(STDIN_FILENO, &c, 1);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return FailWithErrno("reading the password", errno);
    if (size == 0 || c == '\n') return line;
    if (line.size() == kMostBytes) {
      return Fail(ErrorCode::kInvalidArgument, "the password is too long");
    }
    line += c;
  }
}

Result<std::string> Ask(const std::string& prompt,
                        const std::stop_token& stop) {
  std::fputs(prompt.c_str(), stderr);
  auto line = ReadLine(stop);
  std::fputc('\n', stderr);  // The one that was typed was not shown.
  return line;
}

Result<std::string> AskTwice(const std::string& user,
                             const std::stop_token& stop) {
  const HiddenInput hidden;
  if (!hidden.valid()) {
    return FailWithErrno("hiding the password on this terminal", errno);
  }
  auto first = Ask("New password of " + user + ": ", stop);
  if (!first || first->empty()) return first;
  const auto second = Ask("Once more: ", stop);
  if (!second) return second;
  if (*first != *second) {
    return Fail(ErrorCode::kInvalidArgument,
                "the two passwords differ; nothing is changed");
  }
  return first;
}

}  // namespace

Result<std::string> AskNewPassword(const std::string& user,
                                   const std::stop_token& stop) {
  auto password =
      isatty(STDIN_FILENO) == 1 ? AskTwice(user, stop) : ReadLine(stop);
  if (password && password->empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "no password given: type it, or write it to standard input");
  }
  return password;
}

}  // namespace ocelli
