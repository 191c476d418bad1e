#include "cli/recognition_text.h"

#include <cstdio>

namespace ocelli {

std::string RecognitionText(
    std::string_view path, const Analysis& analysis,
    const std::vector<std::optional<Identity>>& people) {
  std::string line = std::string(path) + ": ";
  if (analysis.faces.empty()) return line + "no face";
  for (std::size_t i = 0; i < analysis.faces.size(); ++i) {
    if (i > 0) line += ", ";
    if (i < people.size() && people[i]) {
      char similarity[16];
      std::snprintf(similarity, sizeof(similarity), " (%.2f)",
                    static_cast<double>(people[i]->similarity));
      line += people[i]->name + similarity;
    } else {
      line += "unknown";
    }
  }
  return line;
}

}  // namespace ocelli
