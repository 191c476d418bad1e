#pragma once

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "cli/command.h"
#include "core/test_folder.h"

namespace ocelli {

// For tests: runs one command as the program does, with a data folder of its
// own.
class TestCommand {
 public:
  struct Outcome {
    int exit_code = 0;
    std::string out;
    std::string err;
  };

  explicit TestCommand(void (*add)(CLI::App&, CommandContext&)) : add_(add) {}

  Outcome Run(std::vector<std::string> arguments) const {
    CommandContext context;
    context.paths = FindPaths(folder_.path());
    context.stop = stop;
    context.config = config;
    CLI::App app("", "ocelli");
    app.fallthrough();
    app.add_flag("--json", context.json);
    add_(app, context);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    // CLI11 takes arguments from the back.
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    try {
      app.parse(reversed);
    } catch (const CLI::ParseError&) {
      context.exit_code = kExitUsage;
    }
    Outcome outcome{context.exit_code, {}, {}};
    outcome.out = testing::internal::GetCapturedStdout();
    outcome.err = testing::internal::GetCapturedStderr();
    return outcome;
  }

  std::stop_token stop;
  Config config;

  const TestFolder& folder() const { return folder_; }
  Paths paths() const { return FindPaths(folder_.path()); }

 private:
  void (*const add_)(CLI::App&, CommandContext&);
  const TestFolder folder_;
};

}  // namespace ocelli
