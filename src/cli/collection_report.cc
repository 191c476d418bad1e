#include "cli/collection_report.h"

#include <cstdio>

#include "cli/json_output.h"

namespace ocelli {

using Json = nlohmann::ordered_json;

std::string Describe(const CollectionStats& stats) {
  const CollectionSpec& spec = stats.spec;
  std::string text = spec.name + ": " + std::to_string(stats.items) +
                     (stats.items == 1 ? " picture, " : " pictures, ") +
                     (spec.embedder.empty() ? "no model" : spec.embedder) +
                     " (" + std::to_string(spec.dimension) + " numbers), " +
                     Megabytes(stats.bytes) + ", ";
  if (!stats.shared.empty()) {
    text += "in " + stats.shared + ", quantization " +
            std::string(NameOf(stats.quantization)) + ", ";
  }
  if (!stats.approximate) return text + "exact search";
  text += "approximate search";
  char search[128];
  if (stats.shared.empty()) {
    std::snprintf(search, sizeof(search), ": %d of %d lists", stats.probes,
                  stats.lists);
  } else {
    std::snprintf(search, sizeof(search), ": effort %d", stats.effort);
  }
  text += search;
  if (stats.recall_queries == 0) return text + ", recall not measured yet";
  std::snprintf(search, sizeof(search), ", recall@10 %.3f by %d queries",
                stats.recall_at_10, stats.recall_queries);
  return text + search;
}

Json ToJson(const CollectionStats& stats) {
  const CollectionSpec& spec = stats.spec;
  Json json = {{"collection", spec.name},
               {"embedder", spec.embedder},
               {"dimension", spec.dimension},
               {"metric", spec.metric == Metric::kCosine ? "cosine" : "l2"},
               {"items", stats.items},
               {"bytes", stats.bytes},
               {"search", stats.approximate ? "approximate" : "exact"}};
  if (!stats.shared.empty()) {
    json["index"] = stats.shared;
    json["quantization"] = NameOf(stats.quantization);
    json["partitions"] = stats.partitions;
    if (stats.approximate) json["effort"] = stats.effort;
  } else if (stats.approximate) {
    json["lists"] = stats.lists;
    json["probes"] = stats.probes;
    json["unindexed"] = stats.unindexed;
  }
  if (stats.approximate && stats.recall_queries > 0) {
    json["recall_at_10"] = stats.recall_at_10;
    json["recall_queries"] = stats.recall_queries;
  }
  return json;
}

}  // namespace ocelli
