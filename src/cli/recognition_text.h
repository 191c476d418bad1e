#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "faces/gallery.h"
#include "recognize/analysis.h"

namespace ocelli {

// One line for people: "photo.jpg: Jesper (0.71), unknown". `people` is empty
// or has one entry a face.
std::string RecognitionText(std::string_view path, const Analysis& analysis,
                            const std::vector<std::optional<Identity>>& people);

}  // namespace ocelli
