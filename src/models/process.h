#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/result.h"

namespace ocelli {

struct ProcessOptions {
  std::filesystem::path directory;  // To run in; empty: where we are.
  // Takes standard output as it comes; an error ends the program. None: it is
  // thrown away.
  std::function<Result<>(std::span<const std::byte>)> output;
  std::chrono::milliseconds timeout{300'000};
  std::stop_token stop;
};

// Runs a program found on the PATH, never through a shell, without standard
// input, and waits for it. kNotFound: there is no such program. kUnavailable:
// it failed, with what it said of why on standard error.
// kDeadlineExceeded and kCancelled: it was killed.
Result<> RunProcess(const std::vector<std::string>& arguments,
                    const ProcessOptions& options);

}  // namespace ocelli
