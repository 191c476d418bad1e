#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/compare_report.h"
#include "cli/demo_archive.h"
#include "cli/demo_video.h"
#include "core/result.h"

namespace ocelli {

// One picture of the demo's report.
struct DemoPicture {
  std::string title;
  std::string image;  // The annotated picture, below the report.
  std::size_t faces = 0;
  std::vector<std::string> right;     // Tagged and named.
  std::vector<std::string> unseen;    // Tagged, not named.
  std::vector<std::string> wrong;     // Named, not tagged.
  std::vector<std::string> enrolled;  // Taught from this very picture.
};

struct DemoSummary {
  std::size_t pictures = 0;
  std::size_t faces = 0;
  std::size_t right = 0;
  std::size_t unseen = 0;
  std::size_t wrong = 0;
  double first_seconds = 0;   // Nothing cached.
  double second_seconds = 0;  // Everything cached.
  std::size_t second_cached = 0;
};

// One page that needs nothing but the pictures and clips beside it. Without
// `flags` there is no part about likeness.
Result<> WriteDemoReport(const std::filesystem::path& file,
                         const DemoSummary& summary,
                         const std::vector<DemoPicture>& album,
                         const std::vector<DemoPicture>& groups,
                         const std::optional<Comparison>& flags,
                         const DemoVideo& video, const DemoArchive& archive);

}  // namespace ocelli
