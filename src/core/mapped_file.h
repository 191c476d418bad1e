#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "core/result.h"

namespace ocelli {

// The bytes of a file, read as they are touched and shared between processes.
// Writers must replace the file, never shorten it: see WriteFileAtomically().
class MappedFile {
 public:
  static Result<MappedFile> Open(const std::filesystem::path& path);
  MappedFile() = default;
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::span<const std::byte> bytes_;
};

}  // namespace ocelli
