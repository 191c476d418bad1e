#pragma once

#include <filesystem>
#include <string>

#include "cli/command.h"

namespace ocelli {

// Makes of the demo's results, in `state`, a data folder that `ocelli serve`
// works with: its people, the flags as a collection of each embedder that is
// installed, its photos as another, its archive (`archive`, made of `film`),
// and ocelli.toml with the film as a camera. Returns the command that serves
// it.
Result<std::string> PrepareDemoService(const std::filesystem::path& state,
                                       const std::filesystem::path& film,
                                       const std::filesystem::path& archive,
                                       CommandContext& context);

}  // namespace ocelli
