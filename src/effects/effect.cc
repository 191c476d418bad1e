#include "effects/effect.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/check.h"
#include "core/parse_number.h"

namespace ocelli {
namespace {

using Kind = EffectParameter::Kind;

auto Refuse(std::string message) {
  return Fail(ErrorCode::kInvalidArgument, std::move(message));
}

std::string Quoted(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

template <typename Names>
std::string Joined(const Names& names) {
  std::string joined;
  for (const auto& name : names) {
    if (!joined.empty()) joined += ", ";
    joined += name;
  }
  return joined;
}

std::string Written(double number) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, number);
  return error == std::errc() ? std::string(text, end) : "?";
}

std::string Range(const EffectParameter& parameter) {
  return Written(parameter.least) + " to " + Written(parameter.most);
}

std::string ParametersOf(const EffectKind& kind) {
  if (kind.parameters.empty()) return "it has no parameters";
  std::vector<std::string> parameters;
  for (const EffectParameter& parameter : kind.parameters) {
    std::string text(parameter.name);
    if (parameter.kind == Kind::kNumber) {
      text += " (" + Range(parameter) + ")";
    } else if (parameter.kind == Kind::kChoice) {
      text += " (" + Joined(parameter.choices) + ")";
    }
    parameters.push_back(std::move(text));
  }
  return "its parameters: " + Joined(parameters);
}

// What stands before the first `end` that has no backslash before it; takes
// both off `rest`.
std::string_view TakeUntil(char end, std::string_view& rest) {
  std::size_t size = 0;
  while (size < rest.size() && rest[size] != end) {
    size += rest[size] == '\\' && size + 1 < rest.size() ? 2 : 1;
  }
  const std::string_view taken = rest.substr(0, size);
  rest.remove_prefix(std::min(size + 1, rest.size()));
  return taken;
}

std::string Unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    plain += text[i];
  }
  return plain;
}

bool Offers(const EffectParameter& parameter, std::string_view text) {
  do {
    const std::size_t size = parameter.several ? text.find('+') : text.npos;
    const auto& choices = parameter.choices;
    if (std::find(choices.begin(), choices.end(), text.substr(0, size)) ==
        choices.end()) {
      return false;
    }
    if (size == text.npos) return true;
    text.remove_prefix(size + 1);
  } while (true);
}

}  // namespace

double EffectValues::Number(std::string_view name) const {
  const auto found = numbers_.find(name);
  OCELLI_CHECK(found != numbers_.end());
  return found->second;
}

const std::string& EffectValues::Text(std::string_view name) const {
  const auto found = texts_.find(name);
  OCELLI_CHECK(found != texts_.end());
  return found->second;
}

EffectNeed ChosenEffect::need() const {
  return kind->need ? kind->need(values) : EffectNeed::kNothing;
}

FrameSize ChosenEffect::OutputSize(FrameSize input) const {
  return kind->output_size ? kind->output_size(values, input) : input;
}

Result<std::unique_ptr<Effect>> ChosenEffect::Make(
    const EffectContext& context) const {
  auto effect = kind->make(values, context);
  if (!effect) return effect.Failure("effect " + std::string(kind->name));
  return effect;
}

void EffectRegistry::Add(EffectKind kind) { kinds_.push_back(std::move(kind)); }

Result<ChosenEffect> EffectRegistry::Parse(std::string_view text) const {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  const auto kind =
      std::find_if(kinds_.begin(), kinds_.end(),
                   [&](const EffectKind& one) { return one.name == name; });
  if (kind == kinds_.end()) {
    std::vector<std::string_view> names;
    for (const EffectKind& one : kinds_) names.push_back(one.name);
    return Refuse("no effect " + Quoted(name) +
                  "; there are: " + Joined(names));
  }

  ChosenEffect chosen;
  chosen.kind = &*kind;
  for (const EffectParameter& parameter : kind->parameters) {
    if (parameter.kind == Kind::kNumber) {
      const auto number = ParseNumber<double>(parameter.fallback);
      OCELLI_CHECK(number.has_value());
      chosen.values.numbers_[std::string(parameter.name)] = *number;
    } else {
      chosen.values.texts_[std::string(parameter.name)] = parameter.fallback;
    }
  }

  const std::string doing = "effect " + std::string(name) + ": ";
  std::string_view rest = colon == text.npos ? "" : text.substr(colon + 1);
  std::set<std::string_view> given;
  while (!rest.empty()) {
    std::string_view setting = TakeUntil(',', rest);
    if (setting.find('=') == setting.npos) {
      return Refuse(doing + "parameter=value expected, not " + Quoted(setting) +
                    "; " + ParametersOf(*kind));
    }
    const std::string_view key = TakeUntil('=', setting);
    const std::string value = Unescaped(setting);
    const auto parameter = std::find_if(
        kind->parameters.begin(), kind->parameters.end(),
        [&](const EffectParameter& one) { return one.name == key; });
    if (parameter == kind->parameters.end()) {
      return Refuse(doing + "no parameter " + Quoted(key) + "; " +
                    ParametersOf(*kind));
    }
    if (!given.insert(parameter->name).second) {
      return Refuse(doing + std::string(key) + " is given twice");
    }
    switch (parameter->kind) {
      case Kind::kNumber: {
        const auto number = ParseNumber<double>(value);
        if (!number || *number < parameter->least ||
            *number > parameter->most) {
          return Refuse(doing + std::string(key) + " is a number from " +
                        Range(*parameter) + ", not " + Quoted(value));
        }
        chosen.values.numbers_.find(key)->second = *number;
        break;
      }
      case Kind::kChoice:
        if (!Offers(*parameter, value)) {
          return Refuse(
              doing + std::string(key) + " is " +
              (parameter->several ? "some, joined by +, of " : "one of ") +
              Joined(parameter->choices) + ", not " + Quoted(value));
        }
        chosen.values.texts_.find(key)->second = value;
        break;
      case Kind::kText:
        chosen.values.texts_.find(key)->second = value;
        break;
    }
  }
  return chosen;
}

}  // namespace ocelli
