#include "cli/demo_flags.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/embedded_folder.h"
#include "core/file.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

// Capital letters of the code to the country's name.
Result<nlohmann::json> ReadCountries(const fs::path& file) {
  constexpr std::uint64_t kMost = 1 << 20;
  const auto bytes = ReadFileLimited(file, kMost);
  if (!bytes) return bytes.Failure();
  auto names = nlohmann::json::parse(
      reinterpret_cast<const char*>(bytes->data()),
      reinterpret_cast<const char*>(bytes->data()) + bytes->size(), nullptr,
      false);
  if (!names.is_object()) {
    return Fail(ErrorCode::kDataLoss, file.string() + " is no list of names");
  }
  return names;
}

std::string NameOf(const std::string& id, const nlohmann::json& countries) {
  std::string code = id;
  for (char& c : code) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  const auto name = countries.find(code);
  return name != countries.end() && name->is_string() ? name->get<std::string>()
                                                      : id;
}

}  // namespace

Result<std::optional<Comparison>> CompareFlags(const fs::path& folder,
                                               const fs::path& state,
                                               const CommandContext& context) {
  CommandContext own = context;
  own.paths.cache = state;
  const auto engine = EmbeddingEngine::Open(own, {});
  if (!engine) return engine.Failure();
  int installed = 0;
  for (const ModelCard& card : (*engine)->models().cards()) {
    installed += card.task == "image-embedding" &&
                 (*engine)->models().PathOf(card).has_value();
  }
  if (installed < 2) return std::nullopt;
  const auto countries = ReadCountries(folder / "countries.json");
  if (!countries) return countries.Failure();
  const auto files = FindPictures({(folder / "png250px").string()}, own);
  auto flags = CompareModels(
      files, {.models = {}, .queries = {"td", "au", "id"}, .k = 5}, **engine,
      own);
  if (!flags) return flags.Failure("comparing flags");
  for (Comparison::Picture& picture : flags->pictures) {
    picture.title = NameOf(picture.id, *countries);
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
