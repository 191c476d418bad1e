#include "recognize/chosen_face.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_folder.h"

namespace ocelli {
namespace {

using testing::HasSubstr;

Face FaceOf(std::size_t somebody, float x, float width) {
  Face face;
  face.box = {x, 20, width, width};
  face.descriptor.assign(8, 0);
  face.descriptor[somebody] = 1;
  return face;
}

const std::vector<Face> kTwo = {FaceOf(1, 10, 60), FaceOf(2, 300, 120)};

TEST(ChosenFaceTest, TheOnlyFaceIsEnrolled) {
  const std::vector<Face> one = {FaceOf(1, 10, 60)};
  EXPECT_EQ(FaceToEnrol(one, {}).value(), &one[0]);
}

TEST(ChosenFaceTest, OfSeveralTheLargestOrANumberIsEnrolled) {
  EXPECT_EQ(FaceToEnrol(kTwo, {.largest = true}).value(), &kTwo[1]);
  EXPECT_EQ(FaceToEnrol(kTwo, {.number = 1}).value(), &kTwo[0]);
  EXPECT_EQ(FaceToEnrol(kTwo, {.number = 3}).error().code,
            ErrorCode::kFailedPrecondition);
}

TEST(ChosenFaceTest, AnUnclearChoiceIsAdvised) {
  const auto unclear = FaceToEnrol(kTwo, {.advice = "crop the photo"});
  ASSERT_FALSE(unclear);
  EXPECT_EQ(unclear.error().message,
            "2 faces found, nothing enrolled; crop the photo (sizes, from the "
            "left: 60x60, 120x120)");
}

TEST(ChosenFaceTest, WithoutDescriptorNothingIsEnrolledOrCompared) {
  std::vector<Face> one = {FaceOf(1, 10, 60)};
  one[0].descriptor.clear();
  EXPECT_EQ(FaceToEnrol(one, {}).error().code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(FaceToCompare({{}, 640, 480, one}).error().code,
            ErrorCode::kFailedPrecondition);
  EXPECT_EQ(FaceToCompare({{}, 640, 480, {}}).error().message, "no face");
}

TEST(ChosenFaceTest, WhoIsNamedSoNowIsRejected) {
  const TestFolder folder;
  const auto gallery =
      Gallery::Open(folder / "people.sqlite", Sha256("model")).value();
  const Analysis analysis{Sha256("both"), 640, 480, kTwo};
  const auto nobody = FaceToReject(
      analysis, "Bob", {.advice = "say which: a.jpg#1"}, *gallery, {});
  ASSERT_FALSE(nobody);
  EXPECT_THAT(nobody.error().message,
              HasSubstr("2 faces found and none of them named Bob; say which: "
                        "a.jpg#1 (sizes"));
  ASSERT_TRUE(gallery->Add("Bob", FaceOf(2, 0, 50), Sha256("bob"), "test"));
  EXPECT_EQ(FaceToReject(analysis, "Bob", {}, *gallery, {}).value(), 1u);
  EXPECT_EQ(FaceToReject(analysis, "Bob", {.number = 1}, *gallery, {}).value(),
            0u);
  EXPECT_FALSE(FaceToReject(analysis, "Bob", {.number = 3}, *gallery, {}));
  EXPECT_FALSE(FaceToReject({}, "Bob", {}, *gallery, {}));
}

}  // namespace
}  // namespace ocelli
