#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/digest.h"
#include "core/face.h"
#include "core/result.h"
#include "faces/gallery.h"

namespace ocelli {

// What recognition says about one image. Pixels of the upright picture.
struct Analysis {
  Digest digest;
  int width = 0;
  int height = 0;
  std::vector<Face> faces;  // From left to right.
};

// The cached value: ocelli.v1.Analysis without path and people.
std::string SerializeAnalysis(const Analysis& analysis);

// Believes nothing: kDataLoss for bytes that are no Analysis, sizes of mesh or
// descriptor that no model makes, numbers that are not finite.
Result<Analysis> ParseAnalysis(std::string_view bytes);

struct AnalysisJsonOptions {
  bool mesh = false;
  bool descriptors = false;
};

// One line, protobuf's JSON mapping of ocelli.v1.Analysis. `people` is empty
// or has one entry a face. Bytes of `path` that are not UTF-8 become U+FFFD.
std::string AnalysisJson(std::string_view path, const Analysis& analysis,
                         const std::vector<std::optional<Identity>>& people,
                         const AnalysisJsonOptions& options);

}  // namespace ocelli
