#include "models/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <sstream>
#include <utility>

#include "core/file.h"

namespace ocelli {
namespace {

constexpr std::size_t kMaxComplaint = 16
                                      << 10;  // Bytes of standard error kept.

struct Pipe {
  Pipe() {
    if (pipe2(ends, O_CLOEXEC) != 0) ends[0] = ends[1] = -1;
  }
  ~Pipe() {
    Close(0);
    Close(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void Close(int end) {
    if (ends[end] >= 0) close(std::exchange(ends[end], -1));
  }

  int ends[2];  // To read, to write.
};

// The child of one RunProcess(), reaped at the latest when this goes.
class Child {
 public:
  // errno, or 0.
  int Spawn(const std::vector<std::string>& arguments,
            const std::filesystem::path& directory, Pipe& output,
            Pipe& complaints) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output.ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, complaints.ends[1], 2);
    if (!directory.empty()) {
      posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
    }
    // A child inherits which signals are blocked: it would miss Ctrl-C.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);

    std::vector<char*> argv;
    for (const std::string& argument : arguments) {
      argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    const int error = posix_spawnp(&id_, argv[0], &actions, &attributes,
                                   argv.data(), environ);
    if (error) id_ = -1;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
  }

  ~Child() {
    if (id_ > 0) {
      kill(id_, SIGKILL);
      Wait();
    }
  }

  // How it ended, as waitpid() tells.
  int Wait() {
    int status = 0;
    while (waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = -1;
    return status;
  }

 private:
  pid_t id_ = -1;
};

// The line that says why: the first one called an error, as npm goes on for
// many lines and apt warns before; else the last.
std::string Reason(const std::string& complaint) {
  std::istringstream lines(complaint);
  std::string line, last;
  while (std::getline(lines, line)) {
    if (line.starts_with("E: ") || line.find("rror") != line.npos) return line;
    if (!line.empty()) last = line;
  }
  return last;
}

}  // namespace

Result<> RunProcess(const std::vector<std::string>& arguments,
                    const ProcessOptions& options) {
  using std::chrono::milliseconds;
  using std::chrono::steady_clock;
  const std::string& name = arguments.at(0);
  const auto deadline = steady_clock::now() + options.timeout;
  Pipe output, complaints, wake;
  Child child;
  const bool piped =
      output.ends[0] >= 0 && complaints.ends[0] >= 0 && wake.ends[0] >= 0;
  const int error =
      piped ? child.Spawn(arguments, options.directory, output, complaints)
            : EMFILE;
  if (error == ENOENT) {
    return Fail(ErrorCode::kNotFound, "there is no program " + name);
  }
  if (error) return FailWithErrno("starting " + name, error);
  output.Close(1);
  complaints.Close(1);
  const std::stop_callback on_stop(options.stop, [&] {
    [[maybe_unused]] const ssize_t written = write(wake.ends[1], "", 1);
  });

  std::string complaint;
  std::array<char, 64 << 10> buffer;
  // Its end is that of both its outputs; what outlives it may not hold us.
  while (output.ends[0] >= 0 || complaints.ends[0] >= 0) {
    // poll() passes over negative descriptors.
    pollfd ready[] = {{output.ends[0], POLLIN, 0},
                      {complaints.ends[0], POLLIN, 0},
                      {wake.ends[0], POLLIN, 0}};
    const auto left = std::chrono::ceil<milliseconds>(
        std::max(deadline - steady_clock::now(), steady_clock::duration(0)));
    const int count = poll(ready, 3, static_cast<int>(left.count()));
    if (options.stop.stop_requested()) {
      return Fail(ErrorCode::kCancelled, "stopped");
    }
    if (count == 0) {
      return Fail(ErrorCode::kDeadlineExceeded,
                  name + " took more than " +
                      std::to_string(options.timeout.count()) + " ms");
    }
    if (ready[0].revents) {
      const ssize_t size = read(output.ends[0], buffer.data(), buffer.size());
      if (size <= 0) {
        output.Close(0);
      } else if (options.output) {
        const std::span bytes(buffer.data(), static_cast<std::size_t>(size));
        const auto taken = options.output(std::as_bytes(bytes));
        if (!taken) return taken.Failure();
      }
    }
    if (ready[1].revents) {
      const ssize_t size =
          read(complaints.ends[0], buffer.data(), buffer.size());
      if (size <= 0) {
        complaints.Close(0);
      } else {
        complaint.append(buffer.data(), static_cast<std::size_t>(size));
        complaint.resize(std::min(complaint.size(), kMaxComplaint));
      }
    }
  }
  const int status = child.Wait();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  const std::string reason = Reason(complaint);
  return Fail(ErrorCode::kUnavailable,
              name + " failed" + (reason.empty() ? "" : ": " + reason));
}

}  // namespace ocelli
