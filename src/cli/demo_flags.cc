#include "cli/demo_flags.h"

#include <cstdio>

#include "cli/country_names.h"
#include "cli/embedded_folder.h"

namespace ocelli {

namespace fs = std::filesystem;

Result<std::optional<Comparison>> CompareFlags(const fs::path& folder,
                                               const fs::path& cache,
                                               const CommandContext& context) {
  CommandContext own = context;
  own.paths.cache = cache;
  const auto engine = EmbeddingEngine::Open(own, {});
  if (!engine) return engine.Failure();
  int installed = 0;
  for (const ModelCard& card : (*engine)->models().cards()) {
    installed += card.task == "image-embedding" &&
                 (*engine)->models().PathOf(card).has_value();
  }
  if (installed < 2) return std::nullopt;
  const auto countries = CountryNames::Read(folder / "countries.json");
  if (!countries) return countries.Failure();
  const auto files = FindPictures({(folder / "png250px").string()}, own);
  auto flags = CompareModels(
      files, {.models = {}, .queries = {"td", "au", "id"}, .k = 5}, **engine,
      own);
  if (!flags) return flags.Failure("comparing flags");
  for (Comparison::Picture& picture : flags->pictures) {
    picture.title = countries->Of(picture.id);
  }
  return std::move(*flags);
}

std::string FlagLines(const Comparison& flags) {
  constexpr float kSame = 1 - 1e-6f;
  std::string lines;
  for (const ComparedModel& model : flags.models) {
    lines += model.card.name + ":";
    for (std::size_t q = 0; q < flags.queries.size(); ++q) {
      const Ranking& ranking = model.rankings[q];
      std::size_t hit = 0;
      while (hit + 1 < ranking.order.size() &&
             ranking.similarities[hit] > kSame) {
        ++hit;
      }
      char similarity[16];
      std::snprintf(similarity, sizeof(similarity), " (%.2f)",
                    static_cast<double>(ranking.similarities[hit]));
      lines += (q > 0 ? ", " : " ") + flags.pictures[flags.queries[q]].title +
               " like " + flags.pictures[ranking.order[hit]].title + similarity;
    }
    lines += "\n";
  }
  return lines;
}

}  // namespace ocelli
