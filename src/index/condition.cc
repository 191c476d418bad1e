#include "index/condition.h"

#include "core/parse_number.h"

namespace ocelli {
namespace {

std::string_view Trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

template <typename T>
bool Compare(Condition::Relation relation, const T& stored, const T& value) {
  switch (relation) {
    case Condition::Relation::kEqual:
      return stored == value;
    case Condition::Relation::kNotEqual:
      return stored != value;
    case Condition::Relation::kLess:
      return stored < value;
    case Condition::Relation::kLessOrEqual:
      return stored <= value;
    case Condition::Relation::kGreater:
      return stored > value;
    case Condition::Relation::kGreaterOrEqual:
      return stored >= value;
    case Condition::Relation::kContains:
      break;
  }
  return false;
}

}  // namespace

std::optional<double> ConditionNumber(std::string_view text) {
  return ParseNumber<double>(Trimmed(text));
}

Result<Condition> Condition::Parse(std::string_view text) {
  const auto at = text.find_first_of("=!<>~");
  Condition condition;
  std::size_t length = 1;
  if (at != text.npos) {
    const bool or_equal = text.substr(at + 1).starts_with('=');
    length += or_equal ? 1 : 0;
    switch (text[at]) {
      case '=':
        condition.relation = Relation::kEqual;
        break;
      case '!':
        condition.relation = Relation::kNotEqual;
        break;
      case '<':
        condition.relation =
            or_equal ? Relation::kLessOrEqual : Relation::kLess;
        break;
      case '>':
        condition.relation =
            or_equal ? Relation::kGreaterOrEqual : Relation::kGreater;
        break;
      default:
        condition.relation = Relation::kContains;
        length = 1;
    }
    condition.key = Trimmed(text.substr(0, at));
  }
  // "!" alone is nothing; "==" is what programmers write for "=".
  if (condition.key.empty() || (text[at] == '!' && length == 1)) {
    return Fail(ErrorCode::kInvalidArgument,
                "\"" + std::string(text) +
                    "\" is no condition: KEY=VALUE, with one of"
                    " = != < <= > >= or ~ (contains)");
  }
  std::string_view value = Trimmed(text.substr(at + length));
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
  }
  condition.value = value;
  return condition;
}

bool Condition::Holds(std::string_view stored) const {
  if (relation == Relation::kContains) return stored.find(value) != stored.npos;
  const auto left = ConditionNumber(stored), right = ConditionNumber(value);
  if (left && right) return Compare(relation, *left, *right);
  return Compare(relation, stored, std::string_view(value));
}

}  // namespace ocelli
