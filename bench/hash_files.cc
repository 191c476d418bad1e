// hash_files PATH...: reads and hashes the pictures as `ocelli recognize` does
// before it looks into its cache, on as many threads, and does no more. Prints
// how many there were.
#include <cstdio>
#include <thread>

#include "core/digest.h"
#include "core/file.h"
#include "core/ordered_parallel.h"
#include "media/image_files.h"

int main(int count, char** arguments) {
  const std::vector<std::string> paths(arguments + 1, arguments + count);
  std::vector<std::filesystem::path> files;
  for (auto& found : ocelli::FindImages(paths)) {
    if (found) files.push_back(std::move(*found));
  }
  const int threads = static_cast<int>(std::thread::hardware_concurrency());
  std::size_t hashed = 0;
  ocelli::OrderedParallel(
      files.size(), threads, static_cast<std::size_t>(threads) * 8, {},
      [&](std::size_t i) -> ocelli::Result<ocelli::Digest> {
        const auto bytes = ocelli::ReadFileLimited(files[i], 1u << 30);
        if (!bytes) return bytes.Failure();
        return ocelli::Sha256(*bytes);
      },
      [&](std::size_t, ocelli::Result<ocelli::Digest> digest) {
        hashed += digest.has_value();
      });
  std::printf("%zu\n", hashed);
  return hashed == files.size() && hashed > 0 ? 0 : 1;
}
