#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "models/download.h"
#include "models/model_card.h"

namespace ocelli {

struct PullOptions : FetchOptions {
  bool accept_licence = false;  // Needed for non-commercial cards.
  bool force = false;           // Even where it is installed.
};

// The models of one user: cards (built in, plus *.toml in DIR/cards, which
// come before built-in ones of the same name) and the files installed below
// DIR. Thread-safe; several processes may share DIR.
class ModelStore {
 public:
  explicit ModelStore(std::filesystem::path directory);

  // By name.
  const std::vector<ModelCard>& cards() const { return cards_; }
  // The user's cards that can't be read, and why.
  const std::vector<Error>& bad_cards() const { return bad_cards_; }
  // kNotFound lists the names there are.
  Result<ModelCard> Find(std::string_view name) const;

  // The imported ONNX file, or the text of a card of format "json". kNotFound,
  // kFailedPrecondition (of another version of the card or of the import) and
  // kDataLoss (not its whole size) say which command installs it. Does not read
  // the file.
  Result<std::filesystem::path> PathOf(const ModelCard& card) const;

  // Whether PathOf() is there for the card and all that it needs.
  bool IsInstalled(const ModelCard& card) const;

  // Downloads, verifies, imports, likewise what the card needs; nothing is
  // visible under the final name
  // until all of it held. kPermissionDenied: the licence is to be accepted.
  // Waits for a Pull() of another process.
  Result<> Pull(const ModelCard& card, const PullOptions& options) const;
  // What Pull() keeps for other models from the same archive; not what an
  // interrupted one is to go on from.
  void RemoveDownloads() const;

  // PathOf(), and the file's hash is the one Pull() noted; else kDataLoss.
  Result<> Verify(const ModelCard& card) const;

 private:
  Result<> AddCard(std::string_view toml);

  std::filesystem::path directory_;
  std::vector<ModelCard> cards_;
  std::vector<Error> bad_cards_;
};

}  // namespace ocelli
