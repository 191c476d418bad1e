#include "access/scope.h"

namespace ocelli {
namespace {

struct NamedScope {
  Scope scope;
  std::string_view name;
};
constexpr NamedScope kScopes[] = {
    {Scope::kRead, "read"}, {Scope::kWrite, "write"}, {Scope::kAdmin, "admin"}};

Result<Scopes> ParseOne(std::string_view name) {
  for (const NamedScope& known : kScopes) {
    if (known.name == name) return Scopes(known.scope);
  }
  return Fail(ErrorCode::kInvalidArgument,
              "no scope: \"" + std::string(name.substr(0, 40)) +
                  "\"; there are read, write and admin");
}

}  // namespace

Result<Scopes> Scopes::Parse(std::string_view text) {
  Scopes scopes;
  while (true) {
    const auto comma = text.find(',');
    const auto one = ParseOne(text.substr(0, comma));
    if (!one) return one;
    scopes = scopes | *one;
    if (comma == text.npos) return scopes;
    text.remove_prefix(comma + 1);
  }
}

std::string Scopes::ToText() const {
  std::string text;
  for (const NamedScope& known : kScopes) {
    if (!(bits_ & static_cast<std::uint8_t>(known.scope))) continue;
    if (!text.empty()) text += ',';
    text += known.name;
  }
  return text;
}

}  // namespace ocelli
