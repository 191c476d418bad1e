#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/command.h"

namespace ocelli {

// One line; bytes that are not UTF-8 become U+FFFD.
std::string JsonText(const nlohmann::ordered_json& json);

// One line on standard output: `json` with --json, else `text`.
void Report(const CommandContext& context, const nlohmann::ordered_json& json,
            const std::string& text);

// "12.3 MB", of a million bytes each.
std::string Megabytes(std::uint64_t bytes);

// What a terminal would take as commands becomes '?'.
std::string Printable(std::string text);

}  // namespace ocelli
