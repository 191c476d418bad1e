#pragma once

#include <memory>
#include <string>

#include "archive/task.h"
#include "cli/command.h"
#include "core/paths.h"
#include "core/result.h"
#include "store/object_store.h"

namespace ocelli {

// How to reach a store; credentials come from the environment and the profile
// files only.
struct StoreFlags {
  std::string region;
  std::string endpoint;
  bool path_style = false;
  bool virtual_host = false;
  std::string ca_file;
};
void AddStoreFlags(CLI::App& command, StoreFlags& flags);

// dir:FOLDER, s3://BUCKET/PREFIX; a plain path is a folder.
Result<std::unique_ptr<ObjectStore>> OpenStore(const std::string& url,
                                               const StoreFlags& flags);

// Below `archive`: list, status, wait, stop, results, remove.
void AddArchiveTaskCommands(CLI::App& archive, CommandContext& context);
// Below `archive`: verify, get, prune.
void AddArchiveStoreCommands(CLI::App& archive, CommandContext& context);

}  // namespace ocelli
