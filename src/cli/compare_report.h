#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/embedding_engine.h"
#include "index/agreement.h"
#include "models/model_card.h"

namespace ocelli {

struct ComparedModel {
  ModelCard card;
  int dimension = 0;
  std::uint64_t file_bytes = 0;
  // For one picture on one thread, decoding left out: the median of a few.
  double milliseconds = 0;
  std::vector<Ranking> rankings;  // One a query.
};

// The mean over all queries of two models' agreement.
struct Agreement {
  std::size_t a = 0, b = 0;  // Models.
  double overlap = 0;        // Of the first k, 0 to 1.
  double correlation = 0;    // Spearman's, over all pictures, -1 to 1.
};

struct Comparison {
  struct Picture {
    std::string id;     // The file's name without its ending.
    std::string title;  // What the page calls it.
    std::filesystem::path path;
  };
  std::vector<Picture> pictures;
  std::vector<std::size_t> queries;  // Of the pictures; to be shown.
  int k = 0;
  std::vector<ComparedModel> models;
  std::vector<Agreement> agreements;  // Of each two models.

  // How many of a ranking are to be shown.
  std::size_t Count(const Ranking& ranking) const;
};

struct CompareOptions {
  std::vector<std::string> models;   // Empty: all that are installed.
  std::vector<std::string> queries;  // Ids; empty: every picture asks.
  int k = 5;
};

// Pictures that one of the models can't embed are left out for all.
// kInvalidArgument: fewer than two models or pictures. kNotFound: no such
// model or query.
Result<Comparison> CompareModels(
    const std::vector<std::filesystem::path>& files,
    const CompareOptions& options, const EmbeddingEngine& engine,
    CommandContext& context);

// What the page shows of it: for each query a row a model, and the tables.
std::string CompareHtml(const Comparison& comparison);

// One file with the pictures inside.
Result<> WriteComparePage(const std::filesystem::path& file,
                          const Comparison& comparison);

}  // namespace ocelli
