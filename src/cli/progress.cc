#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <utility>

namespace ocelli {
namespace {

using std::chrono::duration;
using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kRedrawEvery{100};

std::string Amount(double count, std::string_view unit) {
  char text[32];
  if (unit != "B") {
    std::snprintf(text, sizeof(text), count < 10 ? "%.1f" : "%.0f", count);
  } else if (count < 1e6) {
    std::snprintf(text, sizeof(text), "%.0f KB", count / 1e3);
  } else if (count < 1e9) {
    std::snprintf(text, sizeof(text), "%.1f MB", count / 1e6);
  } else {
    std::snprintf(text, sizeof(text), "%.2f GB", count / 1e9);
  }
  return text;
}

std::string Count(std::uint64_t count, std::string_view unit) {
  return unit == "B" ? Amount(static_cast<double>(count), unit)
                     : std::to_string(count);
}

std::string TimeText(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  char text[32];
  if (whole < 3600) {
    std::snprintf(text, sizeof(text), "%d:%02d", static_cast<int>(whole / 60),
                  static_cast<int>(whole % 60));
  } else {
    std::snprintf(text, sizeof(text), "%d h %02d min",
                  static_cast<int>(whole / 3600),
                  static_cast<int>(whole / 60 % 60));
  }
  return text;
}

}  // namespace

std::size_t TerminalWidth() {
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0;
  return known && size.ws_col > 20 ? size.ws_col : 80;
}

Progress::Progress(std::string label, std::uint64_t total, std::string unit)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      terminal_(isatty(STDERR_FILENO) == 1),
      start_(steady_clock::now()),
      total_(total) {}

Progress::~Progress() {
  const std::lock_guard lock(mutex_);
  Draw(true);
  if (terminal_) std::fputc('\n', stderr);
}

void Progress::Advance(std::uint64_t by) {
  const std::lock_guard lock(mutex_);
  done_ += by;
  Draw(false);
}

void Progress::Set(std::uint64_t done, std::uint64_t total) {
  const std::lock_guard lock(mutex_);
  done_ = done;
  total_ = total;
  Draw(false);
}

void Progress::Print(const std::string& line) {
  const std::lock_guard lock(mutex_);
  Erase();
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
  if (terminal_) std::fflush(stdout);
}

void Progress::Say(const std::string& line) {
  const std::lock_guard lock(mutex_);
  Erase();
  std::fprintf(stderr, "%s\n", line.c_str());
}

void Progress::Erase() {
  if (terminal_) std::fputs("\r\033[K", stderr);
  drawn_ = {};
}

void Progress::Draw(bool last) {
  const auto now = steady_clock::now();
  if (!terminal_ || (!last && now - drawn_ < kRedrawEvery)) return;
  drawn_ = now;
  const double seconds = duration<double>(now - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done_) / seconds : 0;
  std::string line = label_ + "  " + Count(done_, unit_);
  if (total_ > 0) {
    const double share =
        std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
    constexpr int kCells = 20;
    const int full = static_cast<int>(share * kCells);
    std::string bar;
    for (int i = 0; i < kCells; ++i) bar += i < full ? "━" : "·";
    line = label_ + "  " + bar + "  " + Count(done_, unit_) + "/" +
           Count(total_, unit_);
  }
  line +=
      "  " + Amount(rate, unit_) + (unit_ == "B" ? "/s" : " " + unit_ + "/s");
  if (last) {
    line += "  " + TimeText(seconds);
  } else if (total_ > done_ && rate > 0) {
    line +=
        "  " + TimeText(static_cast<double>(total_ - done_) / rate) + " left";
  }
  // A line that wraps could not be redrawn. The cells are 3 bytes each.
  const std::size_t room = TerminalWidth() - 1 + 2 * 20;
  Erase();
  std::fputs(line.substr(0, room).c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace ocelli
