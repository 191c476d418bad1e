#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

namespace ocelli {

// Columns of the terminal behind standard error; 80 where that is none.
std::size_t TerminalWidth();

// One line on standard error that tells how far long work is, how fast it
// goes and how long it will still take. Silent unless that is a terminal.
// Thread-safe.
class Progress {
 public:
  // `total` 0: not known yet. `unit` "B" is written in KB, MB or GB.
  Progress(std::string label, std::uint64_t total, std::string unit);
  ~Progress();  // Ends the line.
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Advance(std::uint64_t by = 1);
  void Set(std::uint64_t done, std::uint64_t total);
  // A line of its own above the bar: Print() on standard output for results,
  // Say() on standard error for people.
  void Print(const std::string& line);
  void Say(const std::string& line);

 private:
  void Draw(bool last);
  void Erase();

  const std::string label_;
  const std::string unit_;
  const bool terminal_;
  const std::chrono::steady_clock::time_point start_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::uint64_t done_ = 0;
  std::uint64_t total_;
  std::chrono::steady_clock::time_point drawn_;
};

}  // namespace ocelli
