#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/frame.h"
#include "core/result.h"

namespace ocelli {

// Frames through a graph of libavfilter, "hue=s=0" or "unsharp,vignette". One
// thread at a time.
class FilterGraph {
 public:
  // kInvalidArgument: no such filter or option, or the graph is not one picture
  // in, one picture out, or it names a filter that reads files or the network
  // (movie, amovie, sendcmd, zmq, ...).
  static Result<std::unique_ptr<FilterGraph>> Open(const std::string& graph);
  virtual ~FilterGraph() = default;

  // What comes out for this frame; none while the graph wants more first. The
  // graph is made when the first frame comes and anew when its size changes.
  virtual Result<std::optional<YuvImage>> Apply(const Frame& frame) = 0;

  // What size pictures of the given size have behind the graph.
  virtual Result<std::pair<int, int>> OutputSize(int width, int height) = 0;
};

}  // namespace ocelli
