#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "core/check.h"

namespace ocelli {

// For tests: standard input is this file, or this descriptor, for as long as
// it lives.
class TestInput {
 public:
  explicit TestInput(const std::filesystem::path& file)
      : TestInput(open(file.c_str(), O_RDONLY | O_CLOEXEC)) {}
  // Takes the descriptor.
  explicit TestInput(int descriptor) : before_(dup(STDIN_FILENO)) {
    OCELLI_CHECK(descriptor >= 0 && dup2(descriptor, STDIN_FILENO) >= 0);
    close(descriptor);
  }
  ~TestInput() {
    if (before_ >= 0) {
      dup2(before_, STDIN_FILENO);
      close(before_);
    } else {
      close(STDIN_FILENO);
    }
  }
  TestInput(const TestInput&) = delete;
  TestInput& operator=(const TestInput&) = delete;

 private:
  const int before_;  // -1: there was none.
};

}  // namespace ocelli
