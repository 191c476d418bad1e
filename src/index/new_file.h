#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "core/result.h"

namespace ocelli {

// A large file that is written piece by piece beside its place and put there
// when it is whole. Unless that is done, what was there stays, and nothing else
// is left; what a killed process leaves, the next one can remove.
class NewFile {
 public:
  static Result<NewFile> Create(const std::filesystem::path& place,
                                mode_t mode = 0666);
  ~NewFile();
  NewFile(NewFile&&) noexcept;
  NewFile& operator=(NewFile&&) = delete;

  // At the end, or over what is there; both through the same buffer.
  Result<> Append(std::span<const std::byte> bytes);
  Result<> Overwrite(std::uint64_t offset, std::span<const std::byte> bytes);
  // So that another can read at path() what was written.
  Result<> Flush();
  // Where it is until it is published.
  const std::filesystem::path& path() const;
  // kDurable: survives a power failure, as the bytes of all or of none.
  enum class Care { kQuick, kDurable };
  Result<> Publish(Care care);

  // Removes what killed processes left beside `place`.
  static void RemoveAbandoned(const std::filesystem::path& place);

 private:
  struct State;
  explicit NewFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ocelli
