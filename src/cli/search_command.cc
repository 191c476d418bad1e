#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/command.h"
#include "cli/contact_sheet.h"
#include "cli/embedding_engine.h"
#include "cli/html.h"
#include "cli/json_output.h"
#include "cli/open_collection.h"
#include "cli/thumbnail.h"
#include "core/file.h"
#include "index/collection.h"
#include "index/vector_files.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct SearchFlags {
  std::string name;
  std::string image;
  std::string id;
  std::string text;
  std::string vector;  // File with one.
  int k = 10;
  std::vector<std::string> where;
  bool exact = false;
  std::string html;
  std::string sheet;
  EmbeddingFlags embedding;
};

// What is looked for.
struct Query {
  std::string name;  // As the user named it.
  fs::path picture;  // Empty where there is none.
  std::vector<float> vector;
  std::optional<Digest> digest;
  std::string own_id;  // Of the collection's picture that is the query.
};

// A picture of the collection.
Result<Query> QueryById(Collection& collection, const std::string& id) {
  const auto item = collection.Find(id);
  if (!item) return item.Failure();
  if (!*item) {
    return Fail(ErrorCode::kNotFound,
                "no picture " + id + " in " + collection.spec().name);
  }
  auto vector = collection.VectorOf(id);
  if (!vector) return vector.Failure();
  return Query{.name = id,
               .picture = (*item)->path,
               .vector = std::move(*vector),
               .digest = (*item)->digest,
               .own_id = id};
}

Result<Query> QueryByFile(const std::string& file,
                          EmbeddingRecognizer& recognizer) {
  auto embedding = EmbedFile(recognizer, file);
  if (!embedding) return embedding.Failure();
  return Query{.name = file,
               .picture = fs::absolute(file).lexically_normal(),
               .vector = std::move(embedding->vector),
               .digest = embedding->digest,
               .own_id = {}};
}

// Words, where the model's card names one that embeds them alike.
Result<Query> QueryByText(const std::string& text, const ModelStore& models,
                          const Collection& collection,
                          const EmbedderOptions& options) {
  Embedders embedders(models, nullptr, {.embedder = options});
  const auto texts = embedders.OfTextsIn(collection);
  if (!texts) return texts.Failure();
  auto vector = (*texts)->Embed(text);
  if (!vector) return vector.Failure();
  return Query{.name = text,
               .picture = {},
               .vector = std::move(*vector),
               .digest = {},
               .own_id = {}};
}

Result<Query> QueryByVector(const std::string& file) {
  auto vectors = VectorFile::Open(file);
  if (!vectors) return vectors.Failure();
  if (vectors->rows() != 1) {
    return Fail(ErrorCode::kInvalidArgument,
                file + " has " + std::to_string(vectors->rows()) +
                    " vectors; one is needed");
  }
  Query query{
      .name = file, .picture = {}, .vector = {}, .digest = {}, .own_id = {}};
  query.vector.resize(static_cast<std::size_t>(vectors->dimension()));
  const auto read = vectors->Read(0, query.vector);
  if (!read) return read.Failure();
  return query;
}

Result<Query> MakeQuery(const SearchFlags& flags, Collection& collection,
                        const CommandContext& context) {
  if (!flags.id.empty()) return QueryById(collection, flags.id);
  if (!flags.text.empty()) {
    return QueryByText(flags.text, ModelStore(context.paths.models()),
                       collection, flags.embedding.embedder);
  }
  if (!flags.vector.empty()) return QueryByVector(flags.vector);
  const auto engine = EmbeddingEngine::Open(context, flags.embedding);
  if (!engine) return engine.Failure();
  const auto recognizer = (*engine)->RecognizerFor(collection);
  if (!recognizer) return recognizer.Failure();
  return QueryByFile(flags.image, **recognizer);
}

// Bytes that differ but show the same, as far as the model can tell.
bool LooksTheSame(const Hit& hit) {
  return hit.identical || hit.similarity > 1 - 1e-6f;
}

std::string Number(float similarity) {
  char text[16];
  std::snprintf(text, sizeof(text), "%.4f", static_cast<double>(similarity));
  return text;
}

std::string Metadata(const Item& item) {
  std::string text;
  for (const auto& [key, value] : item.metadata) {
    text += (text.empty() ? "" : ", ") + key + "=" + value;
  }
  return text;
}

void PrintJson(const Query& query, const std::vector<Hit>& hits) {
  Json json = {{"query", query.name}, {"hits", Json::array()}};
  for (std::size_t i = 0; i < hits.size(); ++i) {
    const Hit& hit = hits[i];
    json["hits"].push_back({{"rank", i + 1},
                            {"id", hit.item.id},
                            {"similarity", hit.similarity},
                            {"identical", LooksTheSame(hit)},
                            {"path", hit.item.path},
                            {"metadata", hit.item.metadata}});
  }
  std::puts(JsonText(json).c_str());
}

void PrintTable(const std::vector<Hit>& hits) {
  int width = 2;
  for (const Hit& hit : hits) {
    width = std::max(width, static_cast<int>(hit.item.id.size()));
  }
  std::printf("rank  similarity  %-*s\n", width, "id");
  for (std::size_t i = 0; i < hits.size(); ++i) {
    const Hit& hit = hits[i];
    std::printf("%4zu      %s  %-*s  %s%s\n", i + 1,
                Number(hit.similarity).c_str(), width, hit.item.id.c_str(),
                LooksTheSame(hit) ? "identical image; " : "",
                (hit.item.metadata.empty() ? hit.item.path : Metadata(hit.item))
                    .c_str());
  }
}

Result<> WriteSheet(const SearchFlags& flags, const Query& query,
                    const std::vector<Hit>& hits) {
  std::vector<SheetPicture> pictures;
  if (!query.picture.empty()) {
    pictures.push_back(
        {query.picture, query.picture.filename().string(), "query", true});
  }
  for (const Hit& hit : hits) {
    pictures.push_back(
        {hit.item.path, hit.item.id,
         Number(hit.similarity) + (LooksTheSame(hit) ? ", identical" : "")});
  }
  constexpr int kColumns = 6;
  return WriteContactSheet(flags.sheet, pictures, kColumns);
}

Result<> WritePage(const SearchFlags& flags, const Query& query,
                   const std::vector<Hit>& hits) {
  constexpr int kSide = 260;
  std::string page = HtmlHead("Ocelli: like " + query.name);
  page += "<h1>Like " + HtmlEscaped(query.name) + "</h1>\n<p>The collection " +
          HtmlEscaped(flags.name) + ", most similar first.</p>\n";
  const auto figure = [&](const fs::path& path, const std::string& title,
                          const std::string& detail) {
    page += "<figure><img src=\"" + ThumbnailUri(path, kSide) + "\" alt=\"" +
            HtmlEscaped(title) + "\"><figcaption><code>" + HtmlEscaped(title) +
            "</code><br>" + detail + "</figcaption></figure>\n";
  };
  page += "<div class=\"grid\">\n";
  if (!query.picture.empty()) {
    figure(query.picture, query.name, "<span class=\"tag\">query</span>");
  }
  for (const Hit& hit : hits) {
    figure(hit.item.path, hit.item.id,
           Number(hit.similarity) +
               (LooksTheSame(hit)
                    ? " <span class=\"tag right\">identical image</span>"
                    : "") +
               "<br>" + HtmlEscaped(Metadata(hit.item)));
  }
  page += "</div>\n";
  return WriteFileAtomically(flags.html, page);
}

Result<> Search(const SearchFlags& flags, const CommandContext& context) {
  constexpr int kMostShown = 1000;
  if (flags.k > kMostShown && !(flags.sheet.empty() && flags.html.empty())) {
    return Fail(ErrorCode::kInvalidArgument,
                "--sheet and --html show at most " +
                    std::to_string(kMostShown) + " pictures");
  }
  const auto collection = OpenCollection(context, flags.name);
  if (!collection) return collection.Failure();
  SearchOptions options{.k = flags.k, .exact = flags.exact};
  for (const std::string& text : flags.where) {
    auto condition = Condition::Parse(text);
    if (!condition) return condition.Failure();
    options.where.push_back(std::move(*condition));
  }
  const auto query = MakeQuery(flags, **collection, context);
  if (!query) return query.Failure();
  options.query_digest = query->digest;
  options.exclude_id = query->own_id;
  // One more, for the query itself may be a file of the collection.
  ++options.k;
  auto hits = (*collection)->Search(query->vector, options);
  if (!hits) return hits.Failure();
  std::erase_if(*hits, [&](const Hit& hit) {
    return !query->picture.empty() && hit.item.path == query->picture;
  });
  if (hits->size() > static_cast<std::size_t>(flags.k)) hits->pop_back();

  if (context.json) {
    PrintJson(*query, *hits);
  } else if (hits->empty()) {
    std::puts("nothing found");
  } else {
    PrintTable(*hits);
  }
  if (!flags.sheet.empty()) {
    auto written = WriteSheet(flags, *query, *hits);
    if (!written) return written;
  }
  if (flags.html.empty()) return {};
  return WritePage(flags, *query, *hits);
}

std::string NotEmpty(const std::string& text) {
  return text.empty() ? "must not be empty" : "";
}

}  // namespace

void AddSearchCommand(CLI::App& app, CommandContext& context) {
  auto flags = std::make_shared<SearchFlags>();
  CLI::App* command =
      app.add_subcommand("search", "Find the pictures that look alike");
  command->footer(
      R"(Similarity is the cosine of two pictures' embeddings: 1 for the same picture.
Examples:
  ocelli search flags --image Chad.png -k 5
  ocelli search flags --id td --where "region=Africa" --json
  ocelli search photos --text "a red car"
  ocelli search flags --id td --sheet out.png --html out.html)");
  command->add_option("name", flags->name, "The collection")->required();
  CLI::Option_group* query = command->add_option_group("Query");
  query->add_option("--image", flags->image, "Pictures like this file")
      ->check(NotEmpty);
  query->add_option("--id", flags->id, "Like this picture of the collection")
      ->check(NotEmpty);
  query->add_option("--text", flags->text, "Like these words say")
      ->check(NotEmpty);
  query
      ->add_option("--vector", flags->vector,
                   "Like the one vector in a .npy or .fvecs")
      ->check(NotEmpty);
  query->require_option(1);
  command->add_option("-k,--count", flags->k, "How many")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command
      ->add_option("--where", flags->where,
                   "Only where the metadata is so: key=value, also != < <= "
                   "> >= and ~ (contains); all of several")
      ->take_all();
  command->add_flag("--exact", flags->exact,
                    "Compare with every picture, however many");
  command->add_option("--html", flags->html, "A page with the pictures in it");
  command->add_option("--sheet", flags->sheet,
                      "One picture of them: .png, .jpg");
  AddEmbeddingFlags(*command, flags->embedding);
  command->callback([flags, &context] {
    const auto done = Search(*flags, context);
    if (!done) context.Fail(done.error());
  });
}

}  // namespace ocelli
