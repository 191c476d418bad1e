#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace ocelli {

// Makes FOLDER/NAME whole or not at all: `fill` puts its files into an empty
// folder. kAlreadyExists.
Result<> MakeCollectionFolder(
    const std::filesystem::path& folder, const std::string& name,
    const std::function<Result<>(const std::filesystem::path&)>& fill);

// What the folder of a shared collection keeps.
struct SharedPointer {
  std::string address;     // Of Redis, without a password.
  std::string collection;  // Its name there.
};
Result<> WriteSharedPointer(const std::filesystem::path& home,
                            const SharedPointer& pointer);
// None: the collection is embedded. kDataLoss: damaged.
Result<std::optional<SharedPointer>> ReadSharedPointer(
    const std::filesystem::path& home);

}  // namespace ocelli
