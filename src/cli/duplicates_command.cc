#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/embedded_folder.h"
#include "cli/html.h"
#include "cli/json_output.h"
#include "cli/progress.h"
#include "cli/thumbnail.h"
#include "core/file.h"
#include "index/similarity_groups.h"

namespace ocelli {
namespace {

using Json = nlohmann::ordered_json;

struct DuplicatesFlags {
  std::vector<std::string> paths;
  std::string embedder = kDefaultEmbedder;
  float threshold = .96f;
  std::string html;
  EmbeddingFlags embedding;
};

bool AllIdentical(const EmbeddedFolder& folder, const SimilarityGroup& group) {
  return std::ranges::all_of(group.members, [&](std::size_t i) {
    return folder.digests[i] == folder.digests[group.members[0]];
  });
}

void PrintJson(const EmbeddedFolder& folder, const SimilarityGroup& group) {
  Json json = {{"identical", AllIdentical(folder, group)},
               {"similarity", group.least},
               {"images", Json::array()}};
  for (const std::size_t i : group.members) {
    json["images"].push_back({{"path", folder.files[i].string()},
                              {"digest", folder.digests[i].ToHex()}});
  }
  std::puts(JsonText(json).c_str());
}

std::string Heading(const EmbeddedFolder& folder,
                    const SimilarityGroup& group) {
  if (AllIdentical(folder, group)) return "identical files";
  char text[64];
  std::snprintf(text, sizeof(text), "alike, %.4f or more",
                static_cast<double>(group.least));
  return text;
}

void PrintText(const EmbeddedFolder& folder, const SimilarityGroup& group) {
  std::printf("%s:\n", Heading(folder, group).c_str());
  for (const std::size_t i : group.members) {
    std::printf("  %s\n", folder.files[i].c_str());
  }
}

Result<> WritePage(const std::string& file, const EmbeddedFolder& folder,
                   const std::vector<SimilarityGroup>& groups) {
  constexpr int kSide = 260;
  std::string page = HtmlHead("Ocelli: pictures that are there twice");
  page += "<h1>There twice, or nearly so</h1>\n<div class=\"figures\">\n" +
          HtmlFigure(std::to_string(folder.files.size()), "pictures") +
          HtmlFigure(std::to_string(groups.size()), "groups") + "</div>\n";
  for (const SimilarityGroup& group : groups) {
    page += "<h2>" + Heading(folder, group) + "</h2>\n<div class=\"grid\">\n";
    for (const std::size_t i : group.members) {
      const std::string path = HtmlEscaped(folder.files[i].string());
      page += "<figure><img src=\"" + ThumbnailUri(folder.files[i], kSide) +
              "\" alt=\"" + path + "\"><figcaption><code>" + path +
              "</code></figcaption></figure>\n";
    }
    page += "</div>\n";
  }
  return WriteFileAtomically(file, page);
}

Result<> FindDuplicates(const DuplicatesFlags& flags, CommandContext& context) {
  const auto engine = EmbeddingEngine::Open(context, flags.embedding);
  if (!engine) return engine.Failure();
  const auto recognizer = (*engine)->Recognizer(flags.embedder);
  if (!recognizer) return recognizer.Failure();
  const auto folder = EmbedFolder(FindPictures(flags.paths, context),
                                  **recognizer, flags.embedding.jobs, context);
  if (!folder) return folder.Failure();
  std::vector<SimilarityGroup> groups;
  {
    Progress progress("comparing", folder->files.size(), "images");
    groups =
        GroupSimilar(folder->vectors, folder->dimension, flags.threshold, [&] {
          progress.Advance();
          return !context.stop.stop_requested();
        });
  }
  std::ranges::stable_sort(groups, std::greater(), &SimilarityGroup::least);
  for (const SimilarityGroup& group : groups) {
    (context.json ? PrintJson : PrintText)(*folder, group);
  }
  std::size_t members = 0;
  for (const SimilarityGroup& group : groups) members += group.members.size();
  std::fprintf(stderr, "%zu pictures, %zu of them in %zu groups\n",
               folder->files.size(), members, groups.size());
  if (flags.html.empty()) return {};
  return WritePage(flags.html, *folder, groups);
}

}  // namespace

void AddDuplicatesCommand(CLI::App& app, CommandContext& context) {
  auto flags = std::make_shared<DuplicatesFlags>();
  CLI::App* command = app.add_subcommand(
      "duplicates", "Find pictures that are there twice, or nearly so");
  command->footer(
      R"(Nothing is deleted. Copies in another size or quality have a cosine near 1;
a lower threshold finds crops and series of shots too.
Examples:
  ocelli duplicates photos/
  ocelli duplicates photos/ backup/ --threshold 0.98 --html twice.html)");
  command->add_option("path", flags->paths, "Pictures and folders of them")
      ->required();
  command
      ->add_option("--threshold", flags->threshold,
                   "Least cosine of two pictures in a group")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      ->add_option("--embedder", flags->embedder,
                   "Model that compares: ocelli models list")
      ->capture_default_str();
  command->add_option("--html", flags->html, "A page with the pictures in it");
  AddEmbeddingFlags(*command, flags->embedding);
  command->callback([flags, &context] {
    const auto done = FindDuplicates(*flags, context);
    if (!done) context.Fail(done.error());
  });
}

}  // namespace ocelli
