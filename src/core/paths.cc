#include "core/paths.h"

#include <cstdlib>

namespace ocelli {
namespace {

std::filesystem::path BaseDirectory(const char* variable,
                                    const char* below_home) {
  // The specification: a relative path in the variable is to be ignored.
  const char* value = std::getenv(variable);
  if (value && std::filesystem::path(value).is_absolute()) return value;
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home && *home ? home : "/root") / below_home;
}

}  // namespace

Paths FindPaths(const std::optional<std::filesystem::path>& root) {
  if (root) return {*root, *root / "cache"};
  return {BaseDirectory("XDG_DATA_HOME", ".local/share") / "ocelli",
          BaseDirectory("XDG_CACHE_HOME", ".cache") / "ocelli"};
}

}  // namespace ocelli
