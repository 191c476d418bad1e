#pragma once

#include <filesystem>
#include <string_view>

namespace ocelli {

// Where the optimised form of `model` is kept: beside it, under a name that
// changes with the model file, the ONNX Runtime version and the processor,
// whose instruction set decides the layouts that it contains.
std::filesystem::path OptimizedGraphPath(const std::filesystem::path& model,
                                         std::string_view runtime_version);

// Removes the optimised forms of `model` other than `keep`.
void RemoveStaleOptimizedGraphs(const std::filesystem::path& model,
                                const std::filesystem::path& keep);

}  // namespace ocelli
