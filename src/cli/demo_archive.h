#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "archive/manifest.h"
#include "cli/command.h"
#include "core/result.h"

namespace ocelli {

struct DemoArchive {
  std::vector<ManifestLine> frames;  // In their order.
  std::uint64_t bytes = 0;
  double seconds = 0;
  std::string head;     // The chain of the last line.
  std::string tamper;   // What was done to a copy of it,
  std::string finding;  // and what verifying says to that.
};

// Archives 50 frames of the film in `folder` below out/archive and verifies
// them; then a copy with one byte changed.
Result<DemoArchive> MakeDemoArchive(const std::filesystem::path& folder,
                                    const std::filesystem::path& out,
                                    const CommandContext& context);

// "archive: 50 frames in order, ...".
std::string ArchiveLine(const DemoArchive& archive);
// Its manifest, with pictures.
std::string ArchiveHtml(const DemoArchive& archive);

}  // namespace ocelli
