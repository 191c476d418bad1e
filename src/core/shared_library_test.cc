#include "core/shared_library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace ocelli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(SharedLibraryTest, OpensTheFirstThatIsThere) {
  const auto library =
      SharedLibrary::Open({"libnone.so.9", "libm.so.6"}, "needed to compute");
  ASSERT_TRUE(library);
  const auto cosine = library->Function<double(double)>("cos");
  ASSERT_TRUE(cosine);
  EXPECT_EQ(cosine(0), 1);
  EXPECT_EQ(library->Function<void()>("no_such_function"), nullptr);
}

TEST(SharedLibraryTest, SaysWhatItWasNeededForAndWhatItTried) {
  const auto library =
      SharedLibrary::Open({"libnone.so.9", "libnone.so"}, "needed to compute");
  ASSERT_FALSE(library);
  EXPECT_EQ(library.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(library.error().message,
              AllOf(HasSubstr("needed to compute"), HasSubstr("libnone.so.9"),
                    HasSubstr("libnone.so:")));
}

}  // namespace
}  // namespace ocelli
