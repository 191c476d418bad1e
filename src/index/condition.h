#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace ocelli {

// What an item's metadata has to be: "region=Africa", "population >= 1e6".
struct Condition {
  enum class Relation {
    kEqual,
    kNotEqual,
    kLess,
    kLessOrEqual,
    kGreater,
    kGreaterOrEqual,
    kContains,
  };

  // "KEY=VALUE" with = != < <= > >= or ~ (contains), the first that comes.
  // Spaces around key and value do not count; a value in double quotes keeps
  // its own. kInvalidArgument with the text where there is no such thing.
  static Result<Condition> Parse(std::string_view text);

  // Whether a value of the key satisfies it. Numbers compare as numbers where
  // both sides are one, everything else as bytes.
  bool Holds(std::string_view stored) const;
  // Whether an item without the key satisfies it: kNotEqual alone.
  bool HoldsWithoutKey() const { return relation == Relation::kNotEqual; }

  std::string key;
  Relation relation = Relation::kEqual;
  std::string value;
};

// The number that a value is, if it is one: "12", "-0.5", "1e6".
std::optional<double> ConditionNumber(std::string_view text);

}  // namespace ocelli
