#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "access/access.h"
#include "cli/command.h"

namespace ocelli {

// Calls `use` with the keys and users; fails the command if it fails.
void WithAccess(CommandContext& context,
                const std::function<Result<>(AccessStore&)>& use);

// Whether there is a file of them at all; asking makes none.
bool HasAccess(const CommandContext& context);

// "2026-11-25T14:24:15Z", and for JSON: null for none.
std::string SecondText(AccessTime time);
nlohmann::ordered_json SecondJson(std::optional<AccessTime> time);
nlohmann::ordered_json ScopesJson(Scopes scopes);  // ["read","write"]

}  // namespace ocelli
