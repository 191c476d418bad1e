#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/compare_report.h"

namespace ocelli {

// What the installed embedders find for a few national flags of npm
// svg-country-flags (png250px/*.png and countries.json in `folder`); nothing
// where fewer than two are installed. Results are cached below `cache`.
Result<std::optional<Comparison>> CompareFlags(
    const std::filesystem::path& folder, const std::filesystem::path& cache,
    const CommandContext& context);

// "efficientnet-lite0: Chad like Romania (0.99), ...": a line a model, the
// nearest that is not the same picture.
std::string FlagLines(const Comparison& flags);

}  // namespace ocelli
