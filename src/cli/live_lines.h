#pragma once

#include <cstdio>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "core/frame.h"
#include "core/result.h"
#include "core/tracked_face.h"

namespace ocelli {

// What ocelli live --analyze writes: a line of JSON for each frame.
// Thread-safe: several sources share it.
class LiveLines {
 public:
  // "-" is standard output.
  static Result<std::unique_ptr<LiveLines>> Open(const std::string& path,
                                                 bool mesh_points);
  ~LiveLines();
  LiveLines(const LiveLines&) = delete;
  LiveLines& operator=(const LiveLines&) = delete;

  // `source` is left out where it is empty.
  Result<> Write(const std::string& source, const Frame& frame,
                 std::span<const TrackedFace> faces);

 private:
  LiveLines(std::string path, std::FILE* file, bool mesh_points);

  const std::string path_;
  std::FILE* const file_;
  const bool mesh_points_;
  std::mutex mutex_;  // Guards what is written to file_.
};

}  // namespace ocelli
