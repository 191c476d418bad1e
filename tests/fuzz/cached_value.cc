// What a cache that others write into says about a picture.
#include "fuzz_target.h"
#include "recognize/analysis.h"
#include "recognize/embedding_recognizer.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ocelli;
  const std::string_view bytes = TextOf(data, size);
  if (const auto analysis = ParseAnalysis(bytes)) {
    const std::string written = SerializeAnalysis(*analysis);
    const auto again = ParseAnalysis(written);
    Require(again.has_value(), "what we write can be read");
    Require(SerializeAnalysis(*again) == written, "and is the same");
  }
  constexpr int kDimension = 4;
  const Digest digest = Sha256(std::string_view());
  if (const auto vector = ParseEmbedding(bytes, digest, kDimension)) {
    Require(vector->size() == kDimension, "a vector of its dimension");
  }
  return 0;
}
