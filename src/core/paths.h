#pragma once

#include <filesystem>
#include <optional>

namespace ocelli {

// Where a user's state lives. Nothing is created by asking.
struct Paths {
  // Models, people, archives, keys and users. $XDG_DATA_HOME/ocelli.
  std::filesystem::path data;
  // Results. $XDG_CACHE_HOME/ocelli.
  std::filesystem::path cache;

  std::filesystem::path models() const { return data / "models"; }
  std::filesystem::path demo() const { return data / "demo"; }
  std::filesystem::path gallery() const { return data / "people.sqlite"; }
  std::filesystem::path access() const { return data / "access.sqlite"; }
  std::filesystem::path collections() const { return data / "collections"; }
  std::filesystem::path archives() const { return data / "archive"; }
  std::filesystem::path results() const { return cache / "results.sqlite"; }
};

// By the XDG base directory specification; `root` (--data, OCELLI_DATA) moves
// both below one folder.
Paths FindPaths(const std::optional<std::filesystem::path>& root);

}  // namespace ocelli
