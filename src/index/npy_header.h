#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "core/result.h"

namespace ocelli {

// What the header of a .npy file says.
// Source: numpy.lib.format, "NPY format".
struct NpyHeader {
  std::size_t value_bytes = 0;  // 2, 4 or 8: a little-endian float.
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;
  std::uint64_t data_offset = 0;

  // `bytes`: the first kMaxBytes of the file, or all of it. The message of an
  // error gives the byte, or what is not supported.
  static constexpr std::size_t kMaxBytes = 1 << 16;
  static Result<NpyHeader> Parse(std::span<const std::byte> bytes);
};

// The first kNpyHeaderBytes of a file of float32, format 1.
constexpr std::size_t kNpyHeaderBytes = 128;
std::string FormatNpyHeader(std::uint64_t rows, std::uint64_t columns);

}  // namespace ocelli
