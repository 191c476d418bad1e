#include "http/http_message.h"

#include <algorithm>

#include "core/ascii.h"

namespace ocelli {
namespace {

std::string_view Trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

std::string_view HttpHead::Field(std::string_view name) const {
  const std::string wanted = LowerCase(name);
  for (const auto& [key, value] : fields) {
    if (LowerCase(key) == wanted) return value;
  }
  return {};
}

std::string_view HttpHead::Query(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return {};
}

std::string_view HttpHead::Cookie(std::string_view name) const {
  std::string_view rest = Field("Cookie");
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(';'), rest.size());
    const std::string_view pair = Trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t equals = pair.find('=');
    if (equals != pair.npos && pair.substr(0, equals) == name) {
      return pair.substr(equals + 1);
    }
  }
  return {};
}

}  // namespace ocelli
