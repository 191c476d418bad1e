#pragma once

#include <map>
#include <span>
#include <string>

#include "index/condition.h"

namespace ocelli {

// What VSIM's FILTER sees of an item's metadata, a JSON object: for every key
// "nKEY" with its number, or "" where it is none, and for short texts "sKEY".
std::string FilterAttributes(
    const std::map<std::string, std::string>& metadata);

// An expression that holds for every item that satisfies all conditions, and
// for as few others as it can say; empty where it can say nothing. Whoever uses
// it has to check what comes back.
std::string FilterExpression(std::span<const Condition> conditions);

}  // namespace ocelli
