#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/embedding_engine.h"
#include "core/digest.h"

namespace ocelli {

// The pictures of some folders and one model's vectors of them, in memory.
struct EmbeddedFolder {
  std::vector<std::filesystem::path> files;
  std::vector<Digest> digests;
  std::vector<float> vectors;  // files.size() x dimension.
  std::size_t dimension = 0;
};

// Every picture below `paths`, each file once; what can't be found is printed
// and makes the command fail in the end.
std::vector<std::filesystem::path> FindPictures(
    const std::vector<std::string>& paths, CommandContext& context);

// Embeds them; what can't be embedded is printed, left out, and makes the
// command fail in the end. kCancelled when interrupted.
Result<EmbeddedFolder> EmbedFolder(
    const std::vector<std::filesystem::path>& files,
    EmbeddingRecognizer& recognizer, int jobs, CommandContext& context);

}  // namespace ocelli
