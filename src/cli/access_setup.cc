#include "cli/access_setup.h"

#include <filesystem>

#include "core/utc_time.h"

namespace ocelli {

void WithAccess(CommandContext& context,
                const std::function<Result<>(AccessStore&)>& use) {
  const auto store = AccessStore::Open(context.paths.access());
  if (!store) return context.Fail(store.error());
  const Result<> done = use(**store);
  if (!done) context.Fail(done.error());
}

bool HasAccess(const CommandContext& context) {
  // Also where that can't be found out: opening it says why.
  std::error_code error;
  return std::filesystem::exists(context.paths.access(), error) || error;
}

std::string SecondText(AccessTime time) {
  return UtcText(time).substr(0, 19) + "Z";
}

nlohmann::ordered_json SecondJson(std::optional<AccessTime> time) {
  if (!time) return nullptr;
  return SecondText(*time);
}

nlohmann::ordered_json ScopesJson(Scopes scopes) {
  nlohmann::ordered_json names = nlohmann::ordered_json::array();
  for (const Scope scope : {Scope::kRead, Scope::kWrite, Scope::kAdmin}) {
    if (scopes.bits() & static_cast<unsigned>(scope)) {
      names.push_back(Scopes(scope).ToText());
    }
  }
  return names;
}

}  // namespace ocelli
