#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

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

// What a task's saved arguments say about its store and its URLs.
struct StoreArguments {
  StoreFlags store;
  std::chrono::seconds presign{0};  // --presign; 0: plain URLs.
};
Result<StoreArguments> StoreArgumentsOf(
    const std::vector<std::string>& arguments);

// An archive that is there already.
struct OpenedArchive {
  std::unique_ptr<ObjectStore> store;
  std::optional<Task> task;  // Of this user, where it is one's.
  std::chrono::seconds presign{0};
};
// By the URL of its root, a folder, or the name of a task, whose own flags
// count where `flags` has none. kNotFound lists the tasks.
Result<OpenedArchive> OpenArchive(const std::string& url_or_task,
                                  const StoreFlags& flags,
                                  const CommandContext& context);

// Below `archive`: list, status, wait, stop, results, remove.
void AddArchiveTaskCommands(CLI::App& archive, CommandContext& context);
// Below `archive`: verify, prune.
void AddArchiveStoreCommands(CLI::App& archive, CommandContext& context);
// Below `archive`: get.
void AddArchiveGetCommand(CLI::App& archive, CommandContext& context);

}  // namespace ocelli
