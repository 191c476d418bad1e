#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "models/model_card.h"

namespace ocelli {

struct PullOptions {
  bool accept_licence = false;  // Needed for non-commercial cards.
  bool force = false;           // Even where it is installed.
  // Bytes so far and in all (0 while unknown). Called often.
  std::function<void(std::uint64_t, std::uint64_t)> progress;
  std::stop_token stop;
};

// The models of one user: cards (built in, plus *.toml in DIR/cards) and the
// files installed below DIR. Thread-safe; several processes may share DIR.
class ModelStore {
 public:
  explicit ModelStore(std::filesystem::path directory);

  const std::vector<ModelCard>& cards() const { return cards_; }
  // kNotFound lists the names there are.
  Result<ModelCard> Find(std::string_view name) const;

  // The imported ONNX file. kNotFound says which command installs it.
  Result<std::filesystem::path> PathOf(const ModelCard& card) const;

  // Downloads, verifies, imports; nothing is visible under the final name
  // until all of it held.
  Result<> Pull(const ModelCard& card, const PullOptions& options) const;

  // Compares what is installed with what Pull() wrote. kDataLoss.
  Result<> Verify(const ModelCard& card) const;

 private:
  std::filesystem::path directory_;
  std::vector<ModelCard> cards_;
};

}  // namespace ocelli
