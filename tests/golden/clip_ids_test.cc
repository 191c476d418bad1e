// CLIP's token ids against those of its reference. clip_ids.json says how they
// were made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/file.h"
#include "core/paths.h"
#include "embed/clip_tokenizer.h"
#include "models/model_store.h"

namespace ocelli {
namespace {

using testing::ElementsAreArray;

Result<ClipTokenizer> OpenInstalled() {
  const char* root = std::getenv("OCELLI_DATA");
  const ModelStore models(
      FindPaths(root == nullptr ? std::nullopt
                                : std::optional<std::filesystem::path>(root))
          .models());
  const auto path = models.PathOf(models.Find("clip-bpe").value());
  if (!path) return path.Failure();
  const auto bytes = ReadFileLimited(*path, 1 << 24);
  if (!bytes) return bytes.Failure();
  return ClipTokenizer::Parse(
      {reinterpret_cast<const char*>(bytes->data()), bytes->size()});
}

TEST(ClipIds, AreThoseOfTheReference) {
  const auto tokenizer = OpenInstalled();
  ASSERT_TRUE(tokenizer) << tokenizer.error().message << ": run ./dev test";
  const auto golden = nlohmann::json::parse(
      std::ifstream(OCELLI_SOURCE_DIR "/tests/golden/clip_ids.json"));
  ASSERT_GT(golden["cases"].size(), 40);
  for (const auto& row : golden["cases"]) {
    auto ids = row["ids"].get<std::vector<std::int64_t>>();
    ids.resize(ClipTokenizer::kLength, ClipTokenizer::kEnd);
    const auto text = row["text"].get<std::string>();
    EXPECT_THAT(tokenizer->Encode(text), ElementsAreArray(ids)) << text;
  }
}

TEST(ClipIds, AnyBytesGiveIds) {
  const auto tokenizer = OpenInstalled();
  ASSERT_TRUE(tokenizer) << tokenizer.error().message << ": run ./dev test";
  EXPECT_EQ(tokenizer->Encode("\xff\xc3"), tokenizer->Encode("\uFFFD\uFFFD"));
  std::string noise;
  for (std::uint32_t i = 0, random = 1; i < 1 << 16; ++i) {
    random = random * 1664525 + 1013904223;
    noise += static_cast<char>(random >> 24);
  }
  for (std::size_t at = 0; at + 256 < noise.size(); at += 1021) {
    const auto ids = tokenizer->Encode(noise.substr(at, 256));
    EXPECT_EQ(ids.size(), ClipTokenizer::kLength);
    EXPECT_EQ(ids.back(), ClipTokenizer::kEnd);
  }
  const auto ids = tokenizer->Encode(std::string(10'000'000, 'x'));
  EXPECT_EQ(ids.size(), ClipTokenizer::kLength);
}

}  // namespace
}  // namespace ocelli
