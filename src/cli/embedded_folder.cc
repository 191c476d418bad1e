#include "cli/embedded_folder.h"

#include <set>

#include "media/image_files.h"

namespace ocelli {

std::vector<std::filesystem::path> FindPictures(
    const std::vector<std::string>& paths, CommandContext& context) {
  std::vector<std::filesystem::path> files;
  std::set<std::filesystem::path> seen;
  for (auto& found : FindImages(paths)) {
    if (found) {
      std::error_code error;
      const auto real = std::filesystem::canonical(*found, error);
      if (!error && !seen.insert(real).second) continue;
      files.push_back(std::move(*found));
    } else {
      PrintError(found.error().message);
      context.exit_code = kExitSomeFailed;
    }
  }
  return files;
}

Result<EmbeddedFolder> EmbedFolder(
    const std::vector<std::filesystem::path>& files,
    EmbeddingRecognizer& recognizer, int jobs, CommandContext& context) {
  EmbeddedFolder folder;
  folder.dimension = static_cast<std::size_t>(recognizer.dimension());
  const std::size_t done = EmbedFiles(
      recognizer, files,
      {.label = recognizer.card().name,
       .jobs = jobs,
       .stop = context.stop,
       .known = {}},
      [&](std::size_t i, Result<ImageEmbedding> embedding) {
        if (!embedding) {
          context.exit_code = kExitSomeFailed;
          return;
        }
        folder.files.push_back(files[i]);
        folder.digests.push_back(embedding->digest);
        folder.vectors.insert(folder.vectors.end(), embedding->vector.begin(),
                              embedding->vector.end());
      });
  if (done < files.size()) {
    return Fail(ErrorCode::kCancelled,
                "stopped after " + std::to_string(done) + " of " +
                    std::to_string(files.size()) +
                    " pictures; what is done is cached, so the same command "
                    "goes on from there");
  }
  return folder;
}

}  // namespace ocelli
