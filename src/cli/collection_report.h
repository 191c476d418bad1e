#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "index/collection.h"

namespace ocelli {

// What a collection holds and how it searches: a line for people, and JSON.
std::string Describe(const CollectionStats& stats);
nlohmann::ordered_json ToJson(const CollectionStats& stats);

}  // namespace ocelli
