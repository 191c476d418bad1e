#pragma once

#include <string>

#include "media/video_source.h"

namespace CLI {
class App;
}

namespace ocelli {

// How videos and cameras are read.
struct SourceFlags {
  std::string rtsp_transport = "auto";
  double open_timeout = 10;  // Seconds.
  double read_timeout = 10;
  VideoSourceOptions options;  // Without those above.
};
void AddSourceFlags(CLI::App& command, SourceFlags& flags);

VideoSourceOptions SourceOptionsFrom(const SourceFlags& flags);

}  // namespace ocelli
