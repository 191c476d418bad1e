#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "core/result.h"

namespace ocelli {

// Takes regular files out of a tar archive (ustar, GNU and pax long names)
// that is fed to it in pieces. Nothing is written anywhere: links, devices and
// ownership in the archive have no effect. Not thread-safe.
class TarReader {
 public:
  // Whether a file is wanted: kept in memory and given to `take`. An error
  // ends the reading.
  using Want =
      std::function<Result<bool>(const std::string& name, std::uint64_t size)>;
  using Take =
      std::function<Result<>(const std::string& name, std::string bytes)>;

  TarReader(Want want, Take take)
      : want_(std::move(want)), take_(std::move(take)) {}

  // kDataLoss where it is no tar archive.
  Result<> Feed(std::span<const std::byte> bytes);
  // To be called at the end. kDataLoss where the archive is cut off.
  Result<> Finish() const;

 private:
  Result<> ReadHeader();
  Result<> EndEntry();

  const Want want_;
  const Take take_;
  std::string header_;     // What came of the next 512-byte header.
  std::string name_;       // Of the entry being read.
  std::string long_name_;  // For the next entry; empty: as in its header.
  char type_ = 0;          // Its type flag; 0 between entries.
  bool keep_ = false;      // Whether its bytes are collected.
  std::string bytes_;
  std::uint64_t left_ = 0;     // Bytes of it to come.
  std::uint64_t padding_ = 0;  // Then so many to skip.
};

// Feeds a gzip-compressed archive to `reader` and finishes it.
Result<> ReadTarGz(const std::filesystem::path& archive, TarReader& reader);

}  // namespace ocelli
