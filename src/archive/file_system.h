#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"

namespace ocelli {

// A file of a spool. Thread-safe.
class SpoolFile {
 public:
  virtual ~SpoolFile() = default;
  virtual Result<> Write(std::uint64_t offset,
                         std::span<const std::byte> bytes) = 0;
  // All of `into`, or what there is before the end.
  virtual Result<std::size_t> Read(std::uint64_t offset,
                                   std::span<std::byte> into) const = 0;
  virtual Result<std::uint64_t> Size() const = 0;
  virtual Result<> Truncate(std::uint64_t size) = 0;
  // What was written before the call survives a power cut.
  virtual Result<> Sync() = 0;
};

// One folder without folders in it, as spools need it; an interface so that
// tests can lose power at every call. Thread-safe. Errors as of core/file.h,
// each with the file's path.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // Makes an empty file where there is none. Its name survives a power cut
  // after SyncFolder().
  virtual Result<std::shared_ptr<SpoolFile>> Open(const std::string& name) = 0;
  virtual Result<std::vector<std::string>> List() = 0;  // Sorted.
  virtual Result<> Remove(const std::string& name) = 0;
  virtual Result<> Rename(const std::string& from, const std::string& to) = 0;
  virtual Result<> SyncFolder() = 0;
  virtual std::string PathOf(const std::string& name) const = 0;
};

// Makes the folder (mode 0700) where there is none, and holds its lock as long
// as it lives. kFailedPrecondition: another process has it, named by its id.
Result<std::unique_ptr<FileSystem>> OpenSpoolFolder(
    const std::filesystem::path& folder);

// The process that holds the folder's lock, 0 where it did not say yet. None:
// nobody does.
Result<std::optional<std::int64_t>> HolderOfSpoolFolder(
    const std::filesystem::path& folder);

}  // namespace ocelli
