#include "index/filter_expression.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace ocelli {
namespace {

constexpr std::size_t kMaxTextBytes = 128;

// Selectors are made of letters, digits and underscores.
std::string Attribute(char kind, std::string_view key) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string name(1, kind);
  for (const char c : key) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
        (c >= '0' && c <= '9')) {
      name += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    name += {'_', kDigits[byte / 16], kDigits[byte % 16]};
  }
  return name;
}

// Strings in an expression have no escapes, and JSON is UTF-8: what both write
// alike.
bool IsPlain(std::string_view text) {
  return text.size() <= kMaxTextBytes &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return c >= ' ' && c <= '~' && c != '"' && c != '\\' && c != '\'';
         });
}

// As the grammar of expressions has it, without exponent; none where that gets
// long.
std::optional<std::string> Written(double number) {
  char text[64];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), number,
                                          std::chars_format::fixed);
  if (error != std::errc()) return std::nullopt;
  return std::string(text, end);
}

std::string_view Operator(Condition::Relation relation) {
  switch (relation) {
    case Condition::Relation::kEqual:
      return "==";
    case Condition::Relation::kLess:
      return "<";
    case Condition::Relation::kLessOrEqual:
      return "<=";
    case Condition::Relation::kGreater:
      return ">";
    case Condition::Relation::kGreaterOrEqual:
      return ">=";
    // An item without the key satisfies it, but no expression.
    case Condition::Relation::kNotEqual:
    case Condition::Relation::kContains:
      break;
  }
  return "";
}

std::string Expression(const Condition& condition) {
  const std::string_view relation = Operator(condition.relation);
  if (relation.empty()) return "";
  const auto number = ConditionNumber(condition.value);
  if (!number) {
    if (relation != "==" || !IsPlain(condition.value)) return "";
    return '.' + Attribute('s', condition.key) + " == \"" + condition.value +
           '"';
  }
  const auto written = Written(*number);
  if (!written) return "";
  // Texts compare with the number's text.
  const std::string field = '.' + Attribute('n', condition.key);
  return '(' + field + ' ' + std::string(relation) + ' ' + *written + " or " +
         field + " == \"\")";
}

}  // namespace

std::string FilterAttributes(
    const std::map<std::string, std::string>& metadata) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [key, value] : metadata) {
    const auto number = ConditionNumber(value);
    if (number) {
      json[Attribute('n', key)] = *number;
      continue;
    }
    json[Attribute('n', key)] = "";
    if (IsPlain(value)) json[Attribute('s', key)] = value;
  }
  return json.dump();
}

std::string FilterExpression(std::span<const Condition> conditions) {
  std::string all;
  for (const Condition& condition : conditions) {
    const std::string one = Expression(condition);
    if (one.empty()) continue;
    all += (all.empty() ? "" : " and ") + one;
  }
  return all;
}

}  // namespace ocelli
