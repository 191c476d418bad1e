// ocelli config: what can be set, and whether a file says it rightly.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/serve_settings.h"
#include "cli/settings.h"

namespace ocelli {
namespace {

void Check(const std::string& file, CommandContext& context) {
  Config config;
  if (const auto loaded = config.LoadFile(file); !loaded) {
    return context.Fail(loaded.error());
  }
  std::vector<std::string> mistakes = SettingMistakes(config);
  if (mistakes.empty()) {
    // What each value means is only looked at where all of them can be read.
    if (auto settings = ReadServeSettings(config); !settings) {
      mistakes.push_back(settings.error().message);
    } else {
      mistakes = ServeMistakes(*settings);
      if (mistakes.empty()) {
        std::printf("%s: good; %zu cameras\n", file.c_str(),
                    settings->cameras.size());
      }
    }
  }
  for (const std::string& mistake : mistakes) {
    context.Fail({ErrorCode::kInvalidArgument, mistake});
  }
}

}  // namespace

void AddConfigCommand(CLI::App& app, CommandContext& context) {
  auto file = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("config", "What can be set in a file");
  command->require_subcommand(1);
  command->footer(R"(Examples:
  ocelli config example > ocelli.toml    every setting, commented
  ocelli config check ocelli.toml        mistakes, each with its place
  ocelli config schema > ocelli.schema.json
                                         for editors that check as one types)");
  CLI::App* check =
      command->add_subcommand("check", "Tell what is wrong in a file");
  check->add_option("FILE", *file, "TOML file")
      ->default_val("ocelli.toml")
      ->type_name("FILE");
  check->callback([file, &context] { Check(*file, context); });
  command->add_subcommand("example", "Print a file with every setting")
      ->callback([] { std::printf("%s", SettingsExample().c_str()); });
  command->add_subcommand("schema", "Print the JSON Schema of such a file")
      ->callback([] { std::printf("%s\n", SettingsSchema().c_str()); });
}

}  // namespace ocelli
