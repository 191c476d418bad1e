#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "archive/archiver.h"
#include "cli/archive_setup.h"
#include "cli/source_flags.h"
#include "core/result.h"
#include "live/capture.h"

namespace ocelli {

// How one archive is made, as flags of the command, of a task that is taken up
// again, and of a camera in a file.
struct ArchiveFlags {
  double fps = 0;
  std::string every;
  std::string changed;  // Percent, or true or false.
  bool faces = false;
  std::uint64_t limit = 0;
  double duration = 0;
  int quality = 0;  // 0: not given.
  int max_side = 0;
  int parallel = 0;
  int retries = 30;
  std::string spool;
  std::string spool_max = "10GB";
  std::string spool_full = "stop";
  std::string presign;
  std::uint64_t group = 0;
  std::string task;
  SourceFlags source;
  StoreFlags store;
};
void AddArchiveFlags(CLI::App& command, ArchiveFlags& flags);

// Those of its options that were given, as "--name=value", but for the
// arguments without a name and `left_out`.
std::vector<std::string> GivenArguments(
    const CLI::App& command, const std::vector<std::string>& left_out);

// kInvalidArgument names what is wrong.
Result<ArchiveFlags> ParseArchiveFlags(
    const std::vector<std::string>& arguments);

Result<CaptureOptions> CaptureOptionsFrom(const ArchiveFlags& flags,
                                          const std::string& source);
// Without name, place and what is to be done with lines.
Result<ArchiverOptions> ArchiverOptionsFrom(const ArchiveFlags& flags);
Result<std::chrono::seconds> PresignFrom(const ArchiveFlags& flags);

}  // namespace ocelli
