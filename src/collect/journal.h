#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "core/digest.h"
#include "core/result.h"

namespace ocelli {

// What was fetched into a folder so far: a CSV to which each finished file
// adds a line, so that a run that ends in any way can be taken up. Not
// thread-safe.
class Journal {
 public:
  struct Entry {
    std::string url;
    std::string file;  // Its name in the folder's images/.
    Digest digest;     // Of its bytes.
  };

  // Reads what is there; damaged lines are as if they were not.
  static Journal Open(const std::filesystem::path& path);

  // What was last stored under that name, without its ending; null: nothing.
  const Entry* Find(const std::string& stem) const;
  Result<> Add(const std::string& stem, const Entry& entry);

 private:
  explicit Journal(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
  std::map<std::string, Entry> entries_;
};

}  // namespace ocelli
