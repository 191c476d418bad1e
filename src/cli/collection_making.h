#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/embedding_engine.h"
#include "index/collection.h"

namespace ocelli {

// The flags of the verbs of `ocelli collection`.
struct CollectionFlags {
  std::string name;
  std::string embedder = kDefaultEmbedder;
  std::vector<std::string> paths;  // Pictures, folders, or ids to remove.
  std::string csv;
  std::string npy;
  std::string fvecs;
  std::string id_column = "id";
  int dimension = 0;
  std::string metric = "cosine";
  bool whole = false;
  bool everywhere = false;
  SharedPlace place;  // An empty address: on this machine.
  std::string quantization = "none";
  EmbeddingFlags embedding;
};

// `ocelli collection create`, `attach` and `remove --whole`.
void CreateCollection(const CollectionFlags& flags, CommandContext& context);
void AttachCollection(const CollectionFlags& flags, CommandContext& context);
void RemoveWholeCollection(const CollectionFlags& flags,
                           CommandContext& context);

}  // namespace ocelli
