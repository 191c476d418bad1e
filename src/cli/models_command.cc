#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/progress.h"
#include "models/model_store.h"

namespace ocelli {
namespace {

// What the other commands use unless told otherwise.
constexpr const char* kDefaultModels[] = {"blazeface-full",
                                          "facemesh-attention", "sface"};

struct ModelsFlags {
  std::vector<std::string> names;
  bool all = false;
  bool accept_licence = false;
  bool force = false;
};

std::string Megabytes(std::uint64_t bytes) {
  if (bytes == 0) return "?";
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f MB",
                static_cast<double>(bytes) / 1e6);
  return text;
}

// The cards of those names. One that is unknown is a wrong use of the command;
// the others go on.
std::vector<ModelCard> FindAll(const ModelStore& store,
                               const std::vector<std::string>& names,
                               CommandContext& context) {
  std::vector<ModelCard> cards;
  for (const std::string& name : names) {
    auto card = store.Find(name);
    if (card) {
      cards.push_back(std::move(*card));
    } else {
      context.Fail({ErrorCode::kInvalidArgument, card.error().message});
    }
  }
  return cards;
}

std::string ListJson(const ModelCard& card, const ModelStore& store) {
  nlohmann::ordered_json line = {{"name", card.name},
                                 {"task", card.task},
                                 {"description", card.description},
                                 {"licence", card.licence},
                                 {"non_commercial", card.non_commercial},
                                 {"size", card.size},
                                 {"source", card.source},
                                 {"fingerprint", card.Fingerprint().ToHex()}};
  const auto path = store.PathOf(card);
  line["installed"] = path.has_value();
  if (path) line["path"] = path->string();
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void List(CommandContext& context) {
  const ModelStore store(context.paths.models());
  if (!context.json) {
    std::printf("%-20s %-16s %9s  %-13s %s\n", "NAME", "TASK", "DOWNLOAD",
                "STATE", "WHAT, LICENCE");
  }
  for (const ModelCard& card : store.cards()) {
    if (context.json) {
      std::printf("%s\n", ListJson(card, store).c_str());
      continue;
    }
    std::printf("%-20s %-16s %9s  %-13s %s; %s%s\n", card.name.c_str(),
                card.task.c_str(), Megabytes(card.size).c_str(),
                store.PathOf(card) ? "installed" : "not installed",
                card.description.c_str(), card.licence.c_str(),
                card.non_commercial ? " (not for commercial use)" : "");
  }
  for (const Error& bad : store.bad_cards()) context.Fail(bad);
}

// Says what happened to one model.
void Report(const CommandContext& context, const ModelCard& card,
            const char* state, const Result<std::filesystem::path>& path) {
  if (context.json) {
    nlohmann::ordered_json line = {{"name", card.name}, {"state", state}};
    if (path) line["path"] = path->string();
    std::printf("%s\n", line.dump().c_str());
  } else {
    std::printf("%s: %s\n", card.name.c_str(), state);
  }
}

void PullOne(const ModelCard& card, const ModelStore& store,
             const ModelsFlags& flags, CommandContext& context) {
  if (!flags.force && store.IsInstalled(card)) {
    return Report(context, card, "already installed", store.PathOf(card));
  }
  Result<> pulled;
  {
    Progress progress(card.name, 0, "B");
    PullOptions options;
    options.accept_licence = flags.accept_licence;
    options.force = flags.force;
    options.stop = context.stop;
    options.progress = [&](std::uint64_t done, std::uint64_t total) {
      progress.Set(done, total);
    };
    pulled = store.Pull(card, options);
  }
  if (!pulled) return context.Fail(pulled.error());
  Report(context, card, "installed", store.PathOf(card));
}

void Pull(const ModelsFlags& flags, CommandContext& context) {
  const ModelStore store(context.paths.models());
  std::vector<ModelCard> cards;
  if (flags.all) {
    cards = store.cards();
  } else if (flags.names.empty()) {
    std::fputs("ocelli: pulling the default models; --all or names: others\n",
               stderr);
    cards = FindAll(
        store, {std::begin(kDefaultModels), std::end(kDefaultModels)}, context);
  } else {
    cards = FindAll(store, flags.names, context);
  }
  for (const ModelCard& card : cards) {
    if (context.stop.stop_requested()) break;
    if (flags.all && card.non_commercial && !flags.accept_licence) {
      PrintError("leaving out " + card.name +
                 ", which is not for commercial use: --accept-licence");
      continue;
    }
    PullOne(card, store, flags, context);
  }
  store.RemoveDownloads();
}

void Verify(const ModelsFlags& flags, CommandContext& context) {
  const ModelStore store(context.paths.models());
  const bool all = flags.names.empty();
  for (const ModelCard& card :
       all ? store.cards() : FindAll(store, flags.names, context)) {
    const auto verified = store.Verify(card);
    if (verified) {
      Report(context, card, "good", store.PathOf(card));
    } else if (!all || verified.error().code != ErrorCode::kNotFound) {
      context.Fail(verified.error());
    }
  }
}

void Path(const ModelsFlags& flags, CommandContext& context) {
  const ModelStore store(context.paths.models());
  for (const ModelCard& card : FindAll(store, flags.names, context)) {
    const auto path = store.PathOf(card);
    if (!path) {
      context.Fail(path.error());
    } else if (context.json) {
      Report(context, card, "installed", path);
    } else {
      std::printf("%s\n", path->c_str());
    }
  }
}

}  // namespace

void AddModelsCommand(CLI::App& app, CommandContext& context) {
  auto flags = std::make_shared<ModelsFlags>();
  CLI::App* command =
      app.add_subcommand("models", "Install and check the models");
  command->require_subcommand(1);
  command->footer(R"(Examples:
  ocelli models list                 what there is, what is installed
  ocelli models pull                 what the other commands need
  ocelli models pull yunet sface     these
  ocelli models verify               compare the installed files with their hashes
  ocelli models path sface           where the ONNX file is

A card of your own is a TOML file in DATA/models/cards; models/*.toml of the
source tree are examples.)");

  command->add_subcommand("list", "All models and their licences")
      ->callback([&context] { List(context); });

  CLI::App* pull = command->add_subcommand("pull", "Download and install");
  CLI::Option* names =
      pull->add_option("name", flags->names,
                       "Models; without any, those the other commands need");
  pull->add_flag("--all", flags->all, "Every model there is: gigabytes")
      ->excludes(names);
  pull->add_flag("--accept-licence", flags->accept_licence,
                 "Also models that are not for commercial use");
  pull->add_flag("--force", flags->force, "Again, where it is installed");
  pull->callback([flags, &context] { Pull(*flags, context); });

  CLI::App* verify =
      command->add_subcommand("verify", "Check installed models for damage");
  verify->add_option("name", flags->names,
                     "Models; without any, all that are installed");
  verify->callback([flags, &context] { Verify(*flags, context); });

  CLI::App* path = command->add_subcommand("path", "Print where a model lies");
  path->add_option("name", flags->names, "Models")->required();
  path->callback([flags, &context] { Path(*flags, context); });
}

}  // namespace ocelli
