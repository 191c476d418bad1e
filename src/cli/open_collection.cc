#include "cli/open_collection.h"

#include "cli/redis_flags.h"

namespace ocelli {

CollectionOptions CollectionOptionsOf(const CommandContext& context) {
  // A master that dies has a successor by then.
  constexpr std::chrono::seconds kPatience{8};
  CollectionOptions options;
  options.open_redis = [&context](const std::string& address) {
    return OpenRedis(context, address, {.patience = kPatience});
  };
  return options;
}

Result<std::unique_ptr<Collection>> OpenCollection(
    const CommandContext& context, const std::string& name) {
  return Collection::Open(context.paths.collections(), name,
                          CollectionOptionsOf(context));
}

}  // namespace ocelli
