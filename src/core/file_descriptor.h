#pragma once

#include <unistd.h>

#include <utility>

namespace ocelli {

// An open file, folder or socket, closed in the end.
class FileDescriptor {
 public:
  explicit FileDescriptor(int number) : number_(number) {}
  ~FileDescriptor() {
    if (number_ >= 0) close(number_);
  }
  FileDescriptor(FileDescriptor&& other) noexcept
      : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }

  bool valid() const { return number_ >= 0; }
  int number() const { return number_; }
  // Network file systems report a failed write only here.
  int Close() { return close(std::exchange(number_, -1)); }

 private:
  int number_;
};

}  // namespace ocelli
