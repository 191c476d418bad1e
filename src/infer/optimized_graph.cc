#include "infer/optimized_graph.h"

#include <sys/stat.h>

#include <fstream>
#include <string>

#include "core/digest.h"

namespace ocelli {
namespace {

std::string ProcessorName() {
  std::ifstream file("/proc/cpuinfo");
  std::string name;
  for (std::string line; std::getline(file, line) && !line.empty();) {
    if (line.starts_with("model name") || line.starts_with("flags") ||
        line.starts_with("Features")) {
      name += line;
    }
  }
  return name;
}

std::string Prefix(const std::filesystem::path& model) {
  return "." + model.filename().string() + ".optimized-";
}

}  // namespace

std::filesystem::path OptimizedGraphPath(const std::filesystem::path& model,
                                         std::string_view runtime_version) {
  static const std::string processor = ProcessorName();
  struct stat status {};
  if (stat(model.c_str(), &status) != 0) status = {};
  const std::string identity = processor + std::string(runtime_version) +
                               std::to_string(status.st_size) + "," +
                               std::to_string(status.st_mtim.tv_sec) + "," +
                               std::to_string(status.st_mtim.tv_nsec);
  return model.parent_path() /
         (Prefix(model) + Sha256(identity).ToHex().substr(0, 16));
}

void RemoveStaleOptimizedGraphs(const std::filesystem::path& model,
                                const std::filesystem::path& keep) {
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(model.parent_path(), error)) {
    if (entry.path() != keep &&
        entry.path().filename().string().starts_with(Prefix(model))) {
      std::filesystem::remove(entry.path(), error);
    }
  }
}

}  // namespace ocelli
