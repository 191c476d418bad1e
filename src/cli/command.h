#pragma once

#include <stop_token>
#include <string>

#include "core/config.h"
#include "core/paths.h"
#include "core/result.h"

namespace CLI {
class App;
}

namespace ocelli {

// Exit codes of every command.
inline constexpr int kExitDone = 0;
inline constexpr int kExitSomeFailed = 1;  // Each named on standard error.
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInterrupted = 130;  // By Ctrl-C, as shells count it.

// What all commands share; filled before a subcommand's callback runs.
struct CommandContext {
  Paths paths;
  Config config;
  bool json = false;     // --json: results as JSON lines on stdout.
  std::stop_token stop;  // Requested by Ctrl-C; the second one kills.
  int exit_code = kExitDone;
  bool ends_by_stop = false;  // A stop is its usual end, no interruption.

  // Prints the error; the command could not be done. What can't be meant
  // (kInvalidArgument) is kExitUsage, the rest kExitSomeFailed.
  void Fail(const Error& error);
};

// One file per subcommand; main.cc calls each of these once.
void AddArchiveCommand(CLI::App& app, CommandContext& context);
void AddCacheCommand(CLI::App& app, CommandContext& context);
void AddCollectCommand(CLI::App& app, CommandContext& context);
void AddCollectionCommand(CLI::App& app, CommandContext& context);
void AddCompareCommand(CLI::App& app, CommandContext& context);
void AddConfigCommand(CLI::App& app, CommandContext& context);
void AddDemoCommand(CLI::App& app, CommandContext& context);
void AddDuplicatesCommand(CLI::App& app, CommandContext& context);
void AddEffectsCommand(CLI::App& app, CommandContext& context);
void AddEvalCommand(CLI::App& app, CommandContext& context);
void AddJobsCommand(CLI::App& app, CommandContext& context);
void AddKeyCommand(CLI::App& app, CommandContext& context);
void AddLiveCommand(CLI::App& app, CommandContext& context);
void AddModelsCommand(CLI::App& app, CommandContext& context);
void AddPeopleCommand(CLI::App& app, CommandContext& context);
void AddRecognizeCommand(CLI::App& app, CommandContext& context);
void AddSearchCommand(CLI::App& app, CommandContext& context);
void AddServeCommand(CLI::App& app, CommandContext& context);
void AddSessionCommand(CLI::App& app, CommandContext& context);
void AddSubmitCommand(CLI::App& app, CommandContext& context);
void AddUserCommand(CLI::App& app, CommandContext& context);
void AddVerifyCommand(CLI::App& app, CommandContext& context);
void AddWorkerCommand(CLI::App& app, CommandContext& context);

// Prints "ocelli: MESSAGE" on standard error.
void PrintError(const std::string& message);

// How many pictures to work on at a time: `wanted`, or where that is 0 one a
// processor, but never more than `items` and at least one.
int JobCount(int wanted, std::size_t items);

}  // namespace ocelli
