#include "cli/demo_service.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "archive/task.h"
#include "cli/country_names.h"
#include "cli/embedded_folder.h"
#include "cli/embedding_engine.h"
#include "core/file.h"
#include "index/collection.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

using Metadata =
    std::function<std::map<std::string, std::string>(const fs::path&)>;

Result<> MakeCollection(const std::string& name, const std::string& embedder,
                        const std::vector<fs::path>& files,
                        const Metadata& metadata, const EmbeddingEngine& engine,
                        CommandContext& context) {
  const auto recognizer = engine.Recognizer(embedder);
  if (!recognizer) return recognizer.Failure();
  const auto collection = Collection::Create(
      context.paths.collections(), {.name = name,
                                    .embedder = embedder,
                                    .fingerprint = (*recognizer)->fingerprint(),
                                    .dimension = (*recognizer)->dimension()});
  if (!collection) return collection.Failure();
  std::vector<Entry> entries;
  EmbedFiles(**recognizer, files,
             {.label = name, .jobs = 0, .stop = context.stop, .known = {}},
             [&](std::size_t i, Result<ImageEmbedding> embedding) {
               if (!embedding) return;
               entries.push_back({{.id = files[i].stem().string(),
                                   .digest = embedding->digest,
                                   .path = files[i].string(),
                                   .metadata = metadata(files[i])},
                                  std::move(embedding->vector)});
             });
  if (context.stop.stop_requested()) {
    return Fail(ErrorCode::kCancelled, "stopped");
  }
  const auto put = (*collection)->Put(entries);
  if (!put) return put.Failure();
  return (*collection)->UpdateIndex();
}

Result<> MakeCollections(const fs::path& demo, CommandContext& context) {
  const auto engine = EmbeddingEngine::Open(context, {});
  if (!engine) return engine.Failure();
  const auto countries = CountryNames::Read(demo / "flags" / "countries.json");
  if (!countries) return countries.Failure();
  const auto flags =
      FindPictures({(demo / "flags" / "png250px").string()}, context);
  for (const ModelCard& card : (*engine)->models().cards()) {
    if (card.task != "image-embedding" ||
        !(*engine)->models().IsInstalled(card)) {
      continue;
    }
    const bool usual = card.name == kDefaultEmbedder;
    const auto made = MakeCollection(
        usual ? "flags" : "flags-" + card.name, card.name, flags,
        [&](const fs::path& file) {
          return std::map<std::string, std::string>{
              {"name", countries->Of(file.stem().string())}};
        },
        **engine, context);
    if (!made) return made.Failure("the collection of flags");
  }
  const auto photos = FindPictures(
      {(demo / "album").string(), (demo / "photos").string()}, context);
  return MakeCollection(
      "photos", kDefaultEmbedder, photos,
      [](const fs::path& file) {
        return std::map<std::string, std::string>{
            {"folder", file.parent_path().filename().string()}};
      },
      **engine, context);
}

Result<> KeepArchive(const fs::path& film, const fs::path& archive,
                     const fs::path& state, const CommandContext& context) {
  const Tasks tasks(context.paths.archives());
  TaskSettings settings;
  settings.name = "film";
  settings.source = film.string();
  settings.root = "dir:" + archive.string();
  settings.spool = state / "spool";
  settings.arguments = {"--task=film"};
  settings.created = SystemClock().WallTime();
  if (auto saved = tasks.Save(settings); !saved) return saved;
  TaskStatus status;
  status.state = TaskStatus::State::kFinished;
  status.started = status.updated = settings.created;
  return tasks.SaveStatus(settings.name, status);
}

// As a shell takes it.
std::string Quoted(const fs::path& path) {
  const std::string text = path.string();
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("/._-+").find(c) != std::string_view::npos;
  };
  if (std::all_of(text.begin(), text.end(), plain)) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

fs::path Nearby(const fs::path& path) {
  const fs::path near = path.lexically_proximate(fs::current_path());
  return near.string().starts_with("..") ? path : near;
}

}  // namespace

Result<std::string> PrepareDemoService(const fs::path& state,
                                       const fs::path& film,
                                       const fs::path& archive,
                                       CommandContext& context) {
  CommandContext own = context;
  own.paths = FindPaths(state);
  std::error_code error;
  fs::create_directory_symlink(fs::absolute(context.paths.models()),
                               own.paths.models(), error);
  if (error) {
    return Fail(ErrorCode::kUnavailable,
                own.paths.models().string() + ": " + error.message());
  }
  if (auto made = MakeCollections(context.paths.demo(), own); !made) {
    return made.Failure();
  }
  if (auto kept = KeepArchive(film, archive, state, own); !kept) {
    return kept.Failure("the demo's archive");
  }
  const fs::path settings = state / "ocelli.toml";
  const std::string toml =
      "# The demo's film as a camera.\n[camera.film]\n"
      "source = " +
      nlohmann::json(film.string()).dump() + "\nrepeat = true\n";
  if (auto written = WriteFileAtomically(settings, toml); !written) {
    return written.Failure();
  }
  context.exit_code = std::max(context.exit_code, own.exit_code);
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  return Quoted(error ? fs::path("ocelli") : Nearby(program)) + " --data " +
         Quoted(Nearby(state)) + " serve --config " + Quoted(Nearby(settings));
}

}  // namespace ocelli
