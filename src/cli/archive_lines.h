#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "archive/manifest.h"
#include "core/result.h"
#include "store/object_store.h"

namespace ocelli {

// How lines of a manifest are shown.
struct ArchiveLineFormat {
  bool json = false;
  // JSON in groups of so many seqs; 0: a frame a line.
  std::uint64_t group = 0;
  // URLs that let whoever has them read the object for so long; 0: plain ones.
  std::chrono::seconds presign{0};
};

// {"seq","run","pts","time","digest","url","key","bytes","width","height",
// "attempts"}; of a dropped frame {"seq","dropped":true,"run","pts",...}
// without url, key and attempts. `line` is no end.
Result<nlohmann::ordered_json> ArchiveLineJson(
    const ManifestLine& line, const ObjectStore& store,
    std::chrono::seconds presign, std::chrono::system_clock::time_point now);

// Frames of an archive as they are printed, in their order; ends of runs are
// left out. Not thread-safe.
class ArchiveLines {
 public:
  // `store` outlives it. `print` takes a line without '\n'.
  ArchiveLines(const ArchiveLineFormat& format, const ObjectStore& store,
               std::function<void(const std::string&)> print)
      : format_(format), store_(store), print_(std::move(print)) {}

  // Fails where a store has no presigned URLs.
  Result<> Add(const ManifestLine& line,
               std::chrono::system_clock::time_point now);
  // What there is of a group that is not complete.
  void Flush();

  std::uint64_t printed() const { return printed_; }  // Frames.

 private:
  const ArchiveLineFormat format_;
  const ObjectStore& store_;
  const std::function<void(const std::string&)> print_;
  std::uint64_t printed_ = 0;
  std::uint64_t group_ = 0;  // Of the frames in frames_.
  nlohmann::ordered_json frames_ = nlohmann::ordered_json::array();
};

}  // namespace ocelli
