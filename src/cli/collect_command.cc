#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/progress.h"
#include "collect/collector.h"

namespace ocelli {
namespace {

struct CollectFlags {
  std::string source;
  std::filesystem::path folder;
  CollectOptions options;
};

std::string ImageJson(const CollectedImage& image) {
  const nlohmann::ordered_json line = {{"id", image.id},
                                       {"name", image.name},
                                       {"file", image.file},
                                       {"url", image.url},
                                       {"fetched", image.fetched}};
  return line.dump(-1, ' ', false,
                   nlohmann::ordered_json::error_handler_t::replace);
}

Result<CollectReport> CollectWithProgress(const CollectFlags& flags,
                                          Downloader& downloader,
                                          const CommandContext& context) {
  const auto table = LoadImageTable(flags.source, downloader, flags.options);
  if (!table) return table.Failure();
  std::optional<Progress> progress;
  CollectEvents events;
  events.begin = [&](std::size_t rows) {
    progress.emplace("collecting", rows, "images");
  };
  events.image = [&](const CollectedImage& image) {
    progress->Print(context.json ? ImageJson(image)
                                 : (flags.folder / image.file).string());
    progress->Advance();
  };
  events.failure = [&](const Error& error) {
    progress->Say("ocelli: " + error.message);
  };
  return Collect(*table, flags.folder, downloader, flags.options, events);
}

void CollectImages(const CollectFlags& flags, CommandContext& context) {
  CollectFlags stoppable = flags;
  stoppable.options.download.stop = context.stop;
  Downloader downloader(stoppable.options.download);
  const auto report = CollectWithProgress(stoppable, downloader, context);
  if (!report && report.error().code == ErrorCode::kCancelled) {
    context.exit_code = kExitInterrupted;
    return PrintError("stopped before there was anything to fetch");
  }
  if (!report) {
    context.Fail(report.error());
    if (report.error().code == ErrorCode::kPermissionDenied &&
        !flags.options.download.allow_private) {
      PrintError("--allow-private fetches from private networks too");
    }
    return;
  }
  std::fprintf(stderr,
               "%zu images in %s: %zu fetched, %zu there already; %zu failed\n",
               report->collected, report->csv.c_str(), report->fetched,
               report->collected - report->fetched, report->failed);
  if (report->stopped) {
    PrintError("stopped with " + std::to_string(report->collected) + " of " +
               std::to_string(report->rows) +
               " images; what is there is kept, so the same command goes on "
               "from there");
    context.exit_code = kExitInterrupted;
  } else if (report->failed > 0) {
    context.exit_code = kExitSomeFailed;
  }
}

}  // namespace

void AddCollectCommand(CLI::App& app, CommandContext& context) {
  auto flags = std::make_shared<CollectFlags>();
  CollectOptions& options = flags->options;
  CLI::App* command = app.add_subcommand(
      "collect", "Fetch the pictures of a web page's table, or of a CSV");
  command->footer(R"(Examples:
  ocelli collect https://example.org/List_of_flags -o flags/
  ocelli collect addresses.csv -o flags/ --image picture --name country
  ocelli collect http://intranet/list.html -o logos/ --allow-private

Makes flags/images/ and flags/flags.csv with the columns id, name, file, url and
those of the table. The same command again fetches what is missing.)");
  command
      ->add_option("source", flags->source,
                   "Address of a page or of a CSV, or a CSV file")
      ->required();
  command
      ->add_option("-o,--output", flags->folder,
                   "Folder for the pictures and their CSV")
      ->required();
  command->add_option("--image", options.columns.image,
                      "Column of the pictures, by its name in the header");
  command->add_option("--name", options.columns.name,
                      "Column of the names, by its name in the header");
  command->add_option("--limit", options.limit, "Only the first N rows")
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--parallel", options.parallel,
                   "Downloads at a time, in all")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command
      ->add_option("--per-host", options.download.per_host,
                   "Downloads at a time from one server")
      ->check(CLI::Range(1, 16))
      ->capture_default_str();
  command
      ->add_option("--max-bytes", options.max_image_bytes,
                   "Largest picture that is taken")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 30))
      ->capture_default_str();
  command->add_flag("--allow-private", options.download.allow_private,
                    "Fetch from addresses in private networks and on this "
                    "machine too, and through proxies");
  command->callback([flags, &context] { CollectImages(*flags, context); });
}

}  // namespace ocelli
