#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/collection_making.h"
#include "cli/collection_report.h"
#include "cli/collection_transfer.h"
#include "cli/command.h"
#include "cli/embedded_folder.h"
#include "cli/embedding_engine.h"
#include "cli/json_output.h"
#include "cli/metadata_table.h"
#include "cli/open_collection.h"
#include "cli/redis_flags.h"
#include "index/collection.h"
#include "index/item_pictures.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;

// What adding did, beyond what the collection says of it.
struct AddTotals {
  PutSummary put;
  std::size_t failed = 0;  // Each named on standard error.
  std::size_t without_row = 0;
};

// The pictures to be added, each with its place in the collection.
class Additions {
 public:
  Additions(Collection& collection, AddTotals& totals)
      : collection_(collection), totals_(totals) {}

  // Everything that the paths and the table name; what can't be added is
  // printed and counted.
  Result<> Find(const CollectionFlags& flags, CommandContext& context) {
    std::optional<MetadataTable> table;
    if (!flags.csv.empty()) {
      std::vector<Error> broken;
      auto read = MetadataTable::Read(flags.csv, broken);
      if (!read) return read.Failure();
      for (const Error& error : broken) Skip(error.message);
      table = std::move(*read);
    }
    for (const fs::path& file : FindPictures(flags.paths, context)) {
      auto added = AddFile(file, table ? &*table : nullptr);
      if (!added) return added;
    }
    if (table) {
      for (const MetadataTable::Row* row : table->Unused()) {
        Skip(flags.csv + ": line " + std::to_string(row->line) +
             " names a picture that is not here");
      }
    }
    return {};
  }

  const std::vector<fs::path>& files() const { return files_; }
  Item& item(std::size_t i) { return items_[i]; }

 private:
  void Skip(const std::string& why) {
    PrintError(why);
    ++totals_.failed;
  }

  Result<> AddFile(const fs::path& file, MetadataTable* table) {
    Item item{.id = file.stem().string(),
              .digest = {},
              .path = fs::absolute(file).lexically_normal().string(),
              .metadata = {}};
    const MetadataTable::Row* row = table ? table->Use(file) : nullptr;
    if (row) {
      item.metadata = row->metadata;
      if (!row->id.empty()) item.id = row->id;
    } else {
      totals_.without_row += table != nullptr;
      const auto known = collection_.Find(item.id);
      if (!known) return known.Failure();
      if (*known) item.metadata = (*known)->metadata;
    }
    const auto [other, added] = by_id_.emplace(item.id, file);
    if (!added) {
      Skip(file.string() + ": its id " + item.id + " is also that of " +
           other->second.string() + "; skipped");
      return {};
    }
    files_.push_back(file);
    items_.push_back(std::move(item));
    return {};
  }

  Collection& collection_;
  AddTotals& totals_;
  std::vector<fs::path> files_;
  std::vector<Item> items_;
  std::map<std::string, fs::path> by_id_;
};

// Embeds and stores, some dozens at a time, so that little is lost whenever it
// ends.
Result<std::size_t> AddAll(Additions& additions, Collection& collection,
                           EmbeddingRecognizer& recognizer,
                           const EmbeddingFlags& flags,
                           const CommandContext& context, AddTotals& totals) {
  constexpr std::size_t kAtOnce = 64;
  const auto kept = collection.Digests();
  if (!kept) return kept.Failure();
  std::vector<Entry> waiting;
  Result<> stored;
  std::stop_source failed;
  const std::stop_callback forward(context.stop,
                                   [&] { failed.request_stop(); });
  const auto store = [&] {
    stored = PutEach(collection, waiting, totals.put,
                     [&](std::size_t i, const Error& error) {
                       PrintError(waiting[i].item.path + ": " + error.message);
                       ++totals.failed;
                     });
    waiting.clear();
    if (!stored) failed.request_stop();
  };
  const auto known = [&](std::size_t i, const Digest& digest) {
    const auto found = kept->find(additions.item(i).id);
    return found != kept->end() && found->second == digest;
  };
  const std::size_t done = EmbedFiles(
      recognizer, additions.files(),
      {.jobs = flags.jobs, .stop = failed.get_token(), .known = known},
      [&](std::size_t i, Result<ImageEmbedding> embedding) {
        if (!embedding) {
          ++totals.failed;
          return;
        }
        Item& item = additions.item(i);
        item.digest = embedding->digest;
        waiting.push_back({std::move(item), std::move(embedding->vector)});
        if (waiting.size() == kAtOnce && stored) store();
      });
  if (!waiting.empty() && stored) store();
  if (!stored) return stored.Failure("adding to " + collection.spec().name);
  return done;
}

// Searches do without where it fails.
void UpdateIndex(Collection& collection) {
  const auto updated = collection.UpdateIndex();
  if (!updated) PrintError(updated.error().message);
}

void Add(const CollectionFlags& flags, CommandContext& context) {
  const auto collection = OpenCollection(context, flags.name);
  if (!collection) return context.Fail(collection.error());
  const auto engine = EmbeddingEngine::Open(context, flags.embedding);
  if (!engine) return context.Fail(engine.error());
  const auto recognizer = (*engine)->Recognizer((*collection)->spec().embedder);
  if (!recognizer) return context.Fail(recognizer.error());
  const auto same = (*collection)
                        ->CheckEmbedder((*recognizer)->card().name,
                                        (*recognizer)->fingerprint());
  if (!same) return context.Fail(same.error());

  AddTotals totals;
  Additions additions(**collection, totals);
  const auto found = additions.Find(flags, context);
  if (!found) return context.Fail(found.error());
  const auto done = AddAll(additions, **collection, **recognizer,
                           flags.embedding, context, totals);
  if (!done) return context.Fail(done.error());
  if (*done < additions.files().size()) {
    PrintError("stopped after " + std::to_string(*done) + " of " +
               std::to_string(additions.files().size()) +
               " pictures; they are kept, and the same command goes on from "
               "there");
    context.exit_code = kExitInterrupted;
  } else {
    UpdateIndex(**collection);
  }
  if (totals.failed > 0 && context.exit_code == kExitDone) {
    context.exit_code = kExitSomeFailed;
  }
  std::string text = std::to_string(totals.put.added) + " added, " +
                     std::to_string(totals.put.updated) + " updated, " +
                     std::to_string(totals.put.unchanged) + " unchanged, " +
                     std::to_string(totals.failed) + " skipped";
  if (totals.without_row > 0) {
    text +=
        "; " + std::to_string(totals.without_row) + " have no row in the table";
  }
  Report(context,
         {{"added", totals.put.added},
          {"updated", totals.put.updated},
          {"unchanged", totals.put.unchanged},
          {"skipped", totals.failed},
          {"without_row", totals.without_row}},
         text);
}

void Stats(const std::string& name, CommandContext& context) {
  const auto collection = OpenCollection(context, name);
  if (!collection) return context.Fail(collection.error());
  const auto stats = (*collection)->Stats();
  if (!stats) return context.Fail(stats.error());
  Report(context, ToJson(*stats), Describe(*stats));
  if (stats->index_outdated) {
    PrintError(
        "much was added since the index was built; to make searches "
        "fast again: ocelli collection compact " +
        name);
  }
}

void List(CommandContext& context) {
  const auto names = ListCollections(context.paths.collections());
  if (!names) return context.Fail(names.error());
  if (names->empty() && !context.json) {
    std::puts("no collections; to make one: ocelli collection create NAME");
  }
  for (const std::string& name : *names) Stats(name, context);
}

void Remove(const CollectionFlags& flags, CommandContext& context) {
  if (flags.whole) return RemoveWholeCollection(flags, context);
  const auto collection = OpenCollection(context, flags.name);
  if (!collection) return context.Fail(collection.error());
  for (const std::string& id : flags.paths) {
    const auto item = (*collection)->Find(id);
    if (!item) return context.Fail(item.error());
    if (*item) continue;
    PrintError("no picture " + id + " in " + flags.name);
    context.exit_code = kExitSomeFailed;
  }
  const auto removed = (*collection)->Remove(flags.paths);
  if (!removed) return context.Fail(removed.error());
  const ItemPictures pictures(context.paths.collections(), flags.name);
  for (const std::string& id : flags.paths) {
    const auto gone = pictures.Remove(id);
    if (!gone) return context.Fail(gone.error());
  }
  UpdateIndex(**collection);
  Report(context, {{"removed", *removed}},
         std::to_string(*removed) + " removed from " + flags.name);
}

void Compact(const CollectionFlags& flags, CommandContext& context) {
  const auto collection = OpenCollection(context, flags.name);
  if (!collection) return context.Fail(collection.error());
  const auto compacted = (*collection)->Compact();
  if (!compacted) return context.Fail(compacted.error());
  Stats(flags.name, context);
}

// The one file that was named.
std::string VectorsFile(const CollectionFlags& flags) {
  return flags.csv + flags.npy + flags.fvecs;
}

void Export(const CollectionFlags& flags, CommandContext& context) {
  const auto collection = OpenCollection(context, flags.name);
  if (!collection) return context.Fail(collection.error());
  const auto count = ExportCollection(**collection, VectorsFile(flags));
  if (!count) return context.Fail(count.error());
  Report(context, {{"exported", *count}, {"file", VectorsFile(flags)}},
         std::to_string(*count) + " vectors written to " + VectorsFile(flags));
}

void Import(const CollectionFlags& flags, CommandContext& context) {
  const auto collection = OpenCollection(context, flags.name);
  if (!collection) return context.Fail(collection.error());
  const auto imported = ImportVectors(**collection, VectorsFile(flags),
                                      flags.id_column, context.stop);
  if (!imported) return context.Fail(imported.error());
  for (const Error& error : imported->broken) PrintError(error.message);
  if (!imported->broken.empty()) context.exit_code = kExitSomeFailed;
  UpdateIndex(**collection);
  const PutSummary& put = imported->put;
  Report(context,
         {{"added", put.added},
          {"updated", put.updated},
          {"unchanged", put.unchanged},
          {"skipped", imported->broken.size()}},
         std::to_string(put.added) + " added, " + std::to_string(put.updated) +
             " updated, " + std::to_string(put.unchanged) + " unchanged, " +
             std::to_string(imported->broken.size()) + " skipped");
}

// One of three kinds of files.
void AddVectorsFile(CLI::App& command, CollectionFlags& flags) {
  CLI::Option_group* file = command.add_option_group("File");
  file->add_option("--csv", flags.csv,
                   "Text: id, digest, path, metadata, features")
      ->check([](const std::string& name) {
        return name.ends_with(".csv") ? "" : "must end in .csv";
      });
  file->add_option("--npy", flags.npy, "NumPy array, ids in FILE.ids")
      ->check([](const std::string& name) {
        return name.ends_with(".npy") ? "" : "must end in .npy";
      });
  file->add_option("--fvecs", flags.fvecs, "fvecs, ids in FILE.ids")
      ->check([](const std::string& name) {
        return name.ends_with(".fvecs") ? "" : "must end in .fvecs";
      });
  file->require_option(1);
}

CLI::App* AddVerb(CLI::App& parent, const std::string& verb,
                  const std::string& help, CollectionFlags& flags) {
  CLI::App* command = parent.add_subcommand(verb, help);
  command->add_option("name", flags.name, "The collection")->required();
  return command;
}

CLI::Option* AddIndexFlag(CLI::App& command, CollectionFlags& flags) {
  return command.add_option(
      "--index", flags.place.address,
      std::string("Redis 8, shared by every machine: ") + kRedisAddressHelp);
}

}  // namespace

void AddCollectionCommand(CLI::App& app, CommandContext& context) {
  auto flags = std::make_shared<CollectionFlags>();
  CLI::App* collection = app.add_subcommand(
      "collection", "Sets of pictures that can be searched by likeness");
  collection->require_subcommand(1);
  collection->footer(R"(Examples:
  ocelli collection create flags
  ocelli collection add flags flags/ --csv countries.csv
  ocelli collection list
  ocelli search flags --image Chad.png)");

  CLI::App* create =
      AddVerb(*collection, "create", "Make an empty one", *flags);
  create
      ->add_option("--embedder", flags->embedder,
                   "Model that compares its pictures: ocelli models list")
      ->capture_default_str();
  create
      ->add_option("--dimension", flags->dimension,
                   "For vectors from elsewhere: how many numbers each has")
      ->check(CLI::Range(1, kMaxDimension));
  create
      ->add_option("--metric", flags->metric, "cosine or l2, with --dimension")
      ->check(CLI::IsMember({"cosine", "l2"}))
      ->needs("--dimension")
      ->capture_default_str();
  CLI::Option* index = AddIndexFlag(*create, *flags);
  create
      ->add_option("--quantization", flags->quantization,
                   "With --index: none keeps vectors as they are, int8 in a "
                   "quarter of the memory to about 0.01, binary by their signs")
      ->check(CLI::IsMember({"none", "int8", "binary"}))
      ->needs(index)
      ->capture_default_str();
  create
      ->add_option("--partitions", flags->place.partitions,
                   "With --index: parts that a Cluster spreads over its nodes "
                   "(default 16 there, 1 elsewhere)")
      ->check(CLI::Range(1, 1024))
      ->needs(index);
  create->footer(R"(Examples:
  ocelli collection create flags
  ocelli collection create photos --index redis://10.0.0.1:6379
  ocelli collection attach photos --index redis://10.0.0.1:6379   (elsewhere))");
  create->callback([flags, &context] { CreateCollection(*flags, context); });

  CLI::App* attach =
      AddVerb(*collection, "attach",
              "Use here one that another machine keeps in Redis", *flags);
  AddIndexFlag(*attach, *flags)->required();
  attach->callback([flags, &context] { AttachCollection(*flags, context); });

  CLI::App* add = AddVerb(*collection, "add",
                          "Add pictures, or update those that changed", *flags);
  add->add_option("path", flags->paths, "Pictures and folders of them")
      ->required();
  add->add_option("--csv", flags->csv,
                  "Table with a row a picture: columns become metadata")
      ->check(CLI::ExistingFile);
  AddEmbeddingFlags(*add, flags->embedding);
  add->footer(
      R"(A picture's id is its name without the ending, or the table's column id.
Rows are matched by a column file, filename, path, image or url, else by id.
Examples:
  ocelli collection add flags flags/ --csv countries.csv
  ocelli collection add photos ~/Pictures -j 4)");
  add->callback([flags, &context] { Add(*flags, context); });

  CLI::App* list = collection->add_subcommand("list", "All of them");
  list->callback([&context] { List(context); });

  CLI::App* stats = AddVerb(*collection, "stats",
                            "What one holds and how it searches", *flags);
  stats->callback([flags, &context] { Stats(flags->name, context); });

  CLI::App* remove = AddVerb(*collection, "remove",
                             "Remove pictures, or all with --whole", *flags);
  CLI::Option* ids = remove->add_option("id", flags->paths, "Pictures");
  CLI::Option* whole =
      remove
          ->add_flag("--whole", flags->whole,
                     "The collection itself; one in Redis stays there")
          ->excludes(ids);
  remove
      ->add_flag("--everywhere", flags->everywhere,
                 "With --whole: in Redis too, for every machine")
      ->needs(whole);
  remove->callback([flags, &context] {
    if (flags->paths.empty() && !flags->whole) {
      return context.Fail({ErrorCode::kInvalidArgument,
                           "name the pictures to remove, or --whole"});
    }
    Remove(*flags, context);
  });

  CLI::App* exporting =
      AddVerb(*collection, "export", "Write its vectors to a file", *flags);
  AddVectorsFile(*exporting, *flags);
  exporting->callback([flags, &context] { Export(*flags, context); });

  CLI::App* importing = AddVerb(*collection, "import",
                                "Add vectors that were made elsewhere", *flags);
  AddVectorsFile(*importing, *flags);
  importing
      ->add_option("--id-column", flags->id_column,
                   "Column of the CSV that names the pictures")
      ->capture_default_str();
  importing->footer(R"(Examples:
  ocelli collection create flags --dimension 2048
  ocelli collection import flags --csv flags.csv --id-column country)");
  importing->callback([flags, &context] { Import(*flags, context); });

  CLI::App* compact = AddVerb(
      *collection, "compact",
      "Give back the space of removed pictures, rebuild the index", *flags);
  compact->callback([flags, &context] { Compact(*flags, context); });
}

}  // namespace ocelli
