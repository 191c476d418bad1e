#include "embed/clip_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ocelli {
namespace {

using testing::HasSubstr;

// Answers for texts are compared with the reference's in tests/golden.
TEST(ClipTokenizer, AVocabularyThatIsDamagedIsRefused) {
  for (const auto& [text, line] :
       {std::pair("", "line 1"), std::pair("about", "line 1"),
        std::pair("about\ni n", "line 2"), std::pair("about\nin\n", "line 2"),
        std::pair("about\ni n\nx yz\n", "line 3"),
        std::pair("about\ni n\ni n\n", "line 3"),
        std::pair("about\ni \n", "line 2"), std::pair("a\n\xff \xff\n", "2")}) {
    const auto tokenizer = ClipTokenizer::Parse(text);
    ASSERT_FALSE(tokenizer) << text;
    EXPECT_EQ(tokenizer.error().code, ErrorCode::kDataLoss);
    EXPECT_THAT(tokenizer.error().message, HasSubstr(line)) << text;
  }
}

}  // namespace
}  // namespace ocelli
