#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace ocelli {

// The whole of a regular file: a FIFO or a device, which could block or never
// end, is kInvalidArgument, as is a folder. kNotFound, kPermissionDenied,
// kResourceExhausted (more than `max_bytes`).
Result<std::vector<std::byte>> ReadFileLimited(
    const std::filesystem::path& path, std::uint64_t max_bytes);

// Replaces `path` so that every reader, also after a power cut, sees all of
// the old bytes or all of the new. On failure the old ones stay and nothing
// else is left. `mode`: of the file, less what the umask takes.
// kResourceExhausted when the disk is full.
Result<> WriteFileAtomically(const std::filesystem::path& path,
                             std::span<const std::byte> bytes,
                             unsigned mode = 0666);
Result<> WriteFileAtomically(const std::filesystem::path& path,
                             std::string_view text, unsigned mode = 0666);

// The failure of a system call: "`doing`: No such file or directory".
tl::unexpected<Error> FailWithErrno(std::string doing, int error_number);

}  // namespace ocelli
