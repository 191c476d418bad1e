#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/compare_report.h"
#include "cli/embedded_folder.h"
#include "cli/json_output.h"

namespace ocelli {
namespace {

using Json = nlohmann::ordered_json;

struct CompareFlags {
  std::vector<std::string> paths;
  std::vector<std::string> models;
  std::vector<std::string> queries;
  int k = 5;
  std::string html;
  EmbeddingFlags embedding;
};

void PrintJson(const Comparison& comparison) {
  Json json = {{"pictures", comparison.pictures.size()},
               {"models", Json::array()},
               {"queries", Json::array()},
               {"agreement", Json::array()}};
  for (const ComparedModel& model : comparison.models) {
    json["models"].push_back({{"model", model.card.name},
                              {"dimension", model.dimension},
                              {"ms_per_image", model.milliseconds},
                              {"file_bytes", model.file_bytes},
                              {"licence", model.card.licence}});
  }
  for (std::size_t q = 0; q < comparison.queries.size(); ++q) {
    Json answers = Json::array();
    for (const ComparedModel& model : comparison.models) {
      const Ranking& ranking = model.rankings[q];
      Json hits = Json::array();
      for (std::size_t i = 0; i < comparison.Count(ranking); ++i) {
        hits.push_back({{"id", comparison.pictures[ranking.order[i]].id},
                        {"similarity", ranking.similarities[i]}});
      }
      answers.push_back({{"model", model.card.name}, {"hits", hits}});
    }
    json["queries"].push_back(
        {{"query", comparison.pictures[comparison.queries[q]].id},
         {"answers", answers}});
  }
  for (const Agreement& agreement : comparison.agreements) {
    json["agreement"].push_back({{"models",
                                  {comparison.models[agreement.a].card.name,
                                   comparison.models[agreement.b].card.name}},
                                 {"overlap_at_k", agreement.overlap},
                                 {"rank_correlation", agreement.correlation}});
  }
  std::puts(JsonText(json).c_str());
}

void PrintText(const Comparison& comparison) {
  for (std::size_t q = 0; q < comparison.queries.size(); ++q) {
    std::printf("%s\n", comparison.pictures[comparison.queries[q]].id.c_str());
    for (const ComparedModel& model : comparison.models) {
      std::printf("  %-20s", model.card.name.c_str());
      const Ranking& ranking = model.rankings[q];
      for (std::size_t i = 0; i < comparison.Count(ranking); ++i) {
        std::printf("  %s %.3f",
                    comparison.pictures[ranking.order[i]].id.c_str(),
                    static_cast<double>(ranking.similarities[i]));
      }
      std::puts("");
    }
  }
  std::printf("\n%-20s  numbers  ms/image      file  licence\n", "model");
  for (const ComparedModel& model : comparison.models) {
    std::printf("%-20s  %7d  %8.1f  %5.1f MB  %s\n", model.card.name.c_str(),
                model.dimension, model.milliseconds,
                static_cast<double>(model.file_bytes) / 1e6,
                model.card.licence.c_str());
  }
  for (const Agreement& agreement : comparison.agreements) {
    std::printf(
        "%s and %s: %.0f %% of the first %d in common, rank correlation %.2f\n",
        comparison.models[agreement.a].card.name.c_str(),
        comparison.models[agreement.b].card.name.c_str(),
        100 * agreement.overlap, comparison.k, agreement.correlation);
  }
}

Result<> Compare(const CompareFlags& flags, CommandContext& context) {
  const auto engine = EmbeddingEngine::Open(context, flags.embedding);
  if (!engine) return engine.Failure();
  const auto files = FindPictures(flags.paths, context);
  const auto comparison = CompareModels(
      files, {.models = flags.models, .queries = flags.queries, .k = flags.k},
      **engine, context);
  if (!comparison) return comparison.Failure();
  (context.json ? PrintJson : PrintText)(*comparison);
  if (flags.html.empty()) return {};
  auto written = WriteComparePage(flags.html, *comparison);
  if (!written) return written;
  if (!context.json) std::printf("report: %s\n", flags.html.c_str());
  return {};
}

}  // namespace

void AddCompareCommand(CLI::App& app, CommandContext& context) {
  auto flags = std::make_shared<CompareFlags>();
  CLI::App* command = app.add_subcommand(
      "compare", "Show side by side what several models find alike");
  command->footer(
      R"(Without --query every picture asks, and only the tables are shown.
Examples:
  ocelli compare flags/ --models efficientnet-lite0,resnet50 --query td,au,id
  ocelli compare flags/ --query td --html compare.html)");
  command->add_option("path", flags->paths, "Pictures and folders of them")
      ->required();
  command
      ->add_option("--models", flags->models,
                   "Image embedders; all that are installed if none is "
                   "named")
      ->delimiter(',');
  command
      ->add_option("--query", flags->queries,
                   "Pictures by name without the ending")
      ->delimiter(',');
  command->add_option("-k,--count", flags->k, "How many each model shows")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--html", flags->html, "A page with the pictures in it");
  AddEmbeddingFlags(*command, flags->embedding);
  command->callback([flags, &context] {
    const auto done = Compare(*flags, context);
    if (!done) context.Fail(done.error());
  });
}

}  // namespace ocelli
