// What every gallery promises, whatever keeps it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <thread>

#include "core/test_folder.h"
#include "faces/gallery.h"
#include "faces/gallery_line.h"
#include "faces/redis_gallery.h"
#include "faces/test_gallery.h"
#include "redis/test_redis_server.h"

namespace ocelli {
namespace {

using testing::Field;
using testing::HasSubstr;

enum class Place { kSqlite, kRedis, kRedisCluster };

class GalleryContract : public testing::TestWithParam<Place> {
 protected:
  // As another process would, at the same place for the same `name`.
  std::unique_ptr<Gallery> Open(const std::string& model = "sface",
                                const std::string& name = "people") {
    auto gallery =
        GetParam() == Place::kSqlite
            ? Gallery::Open(folder_ / (name + ".sqlite"), Sha256(model),
                            GalleryTestClock(), std::chrono::milliseconds(50))
            : OpenRedisGallery(OpenTestRedis(Url()), Sha256(model),
                               {.name = name + std::to_string(number_)},
                               GalleryTestClock());
    EXPECT_TRUE(gallery) << gallery.error().message;
    return gallery ? std::move(*gallery) : nullptr;
  }

  static std::string Url() {
    return GetParam() == Place::kRedis ? GalleryTestServer().url()
                                       : GalleryTestCluster().url();
  }

  TestFolder folder_;
  // Every case has galleries of its own.
  static inline int count_ = 0;
  const int number_ = ++count_;
};

TEST_P(GalleryContract, APersonIsKnownAgainByAnotherProcess) {
  const Face face = FaceOf(Direction(0));
  const std::int64_t id =
      Open()->Add("Åsa", face, Image(1), "holiday/a.jpg").value();
  const auto gallery = Open();
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0, 0.5f))}), "Åsa");
  const auto faces = gallery->FacesOf("Åsa").value();
  ASSERT_EQ(faces.size(), 1u);
  EXPECT_EQ(faces[0].id, id);
  EXPECT_EQ(faces[0].image, Image(1));
  EXPECT_EQ(faces[0].box, face.box);
  EXPECT_EQ(faces[0].source, "holiday/a.jpg");
  EXPECT_EQ(faces[0].quality.frontality, 0.75f);
  EXPECT_EQ(faces[0].created, GalleryTestClock().WallTime());
  EXPECT_TRUE(faces[0].comparable);
}

TEST_P(GalleryContract, WhoIsNotNearEnoughIsUnknown) {
  const auto gallery = Open();
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0))}), "-");
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  const IdentifyOptions options{.threshold = 0.4f, .margin = 0};
  EXPECT_EQ(
      Names(*gallery, {FaceOf(Direction(1, 0.41f, 0))}, Image(2), options),
      "A");
  EXPECT_EQ(
      Names(*gallery, {FaceOf(Direction(1, 0.39f, 0))}, Image(2), options),
      "-");
  EXPECT_EQ(Names(*gallery, {}), "");
}

TEST_P(GalleryContract, WhoIsNearTwoPeopleIsUnknown) {
  const auto gallery = Open();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  ASSERT_TRUE(gallery->Add("B", FaceOf(Direction(1)), Image(2), ""));
  const Face between = FaceOf(Direction(0, 0.70f, 1));
  EXPECT_EQ(Names(*gallery, {between}, Image(3), {0.36f, 0.03f}), "-");
  EXPECT_EQ(Names(*gallery, {between}, Image(3), {0.36f, 0.01f}), "A");
}

TEST_P(GalleryContract, TheNearestOfAPersonsFacesCounts) {
  const auto gallery = Open();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(1)), Image(2), ""));
  ASSERT_TRUE(gallery->Add("B", FaceOf(Direction(2)), Image(3), ""));
  const auto people =
      gallery->Identify({FaceOf(Direction(1, 0.6f, 2))}, Image(4), {}).value();
  ASSERT_TRUE(people[0]);
  EXPECT_EQ(people[0]->name, "A");
  EXPECT_NEAR(people[0]->similarity, 0.8f, 1e-5f);
}

TEST_P(GalleryContract, OnePictureNeverHasAPersonTwice) {
  const auto gallery = Open();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  ASSERT_TRUE(gallery->Add("B", FaceOf(Direction(1)), Image(2), ""));
  EXPECT_EQ(
      Names(*gallery, {FaceOf(Direction(0, 0.5f)), FaceOf(Direction(0, 0.2f)),
                       FaceOf(Direction(1)), FaceOf(Direction(0, 0.4f))}),
      "- A B -");
}

TEST_P(GalleryContract, ARejectedFaceIsNeverNamedSoAgain) {
  const auto gallery = Open();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  const Face wrong = FaceOf(Direction(0, 0.7f));
  EXPECT_EQ(Names(*gallery, {wrong}), "A");
  ASSERT_TRUE(gallery->Reject("A", wrong, Image(5)));
  EXPECT_EQ(Names(*gallery, {wrong}), "-") << "same descriptor elsewhere";
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0))}, Image(5)), "-")
      << "same place of the same image";
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0), 500)}, Image(5)), "A")
      << "another place of that image";
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0))}), "A");
  EXPECT_EQ(gallery->People().value()[0].rejected, 1u);
  // Also by a process that knows the face by another model.
  const auto other = Open("another model");
  ASSERT_TRUE(other->Add("A", FaceOf(Direction(0)), Image(6), ""));
  EXPECT_EQ(Names(*other, {FaceOf(Direction(0))}, Image(5)), "-");
}

TEST_P(GalleryContract, ARejectionLeavesTheNextBestPerson) {
  const auto gallery = Open();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  ASSERT_TRUE(gallery->Add("B", FaceOf(Direction(1)), Image(2), ""));
  const Face face = FaceOf(Direction(0, 0.6f, 1));
  ASSERT_TRUE(gallery->Reject("A", face, Image(3)));
  EXPECT_EQ(Names(*gallery, {face}, Image(3)), "B");
}

TEST_P(GalleryContract, RejectionAndEnrolmentOfOneFaceReplaceEachOther) {
  const auto gallery = Open();
  const Face face = FaceOf(Direction(0));
  ASSERT_TRUE(gallery->Add("A", face, Image(1), ""));
  ASSERT_TRUE(gallery->Reject("A", face, Image(1)));
  EXPECT_EQ(gallery->FacesOf("A")->size(), 0u);
  EXPECT_EQ(Names(*gallery, {face}, Image(1)), "-");
  ASSERT_TRUE(gallery->Add("A", face, Image(1), ""));
  EXPECT_EQ(gallery->People().value()[0].rejected, 0u);
  EXPECT_EQ(Names(*gallery, {face}, Image(1)), "A");
}

TEST_P(GalleryContract, EnrollingTheSameFaceAgainChangesNothing) {
  const auto gallery = Open();
  const auto first = gallery->Add("A", FaceOf(Direction(0)), Image(1), "a");
  Face again = FaceOf(Direction(0));
  again.box.x += 10;
  EXPECT_EQ(gallery->Add("A", again, Image(1), "b").value(), *first);
  EXPECT_EQ(gallery->FacesOf("A")->size(), 1u);
  EXPECT_NE(gallery->Add("A", FaceOf(Direction(0), 300), Image(1), "").value(),
            *first);
}

TEST_P(GalleryContract, AFaceHasOneName) {
  const auto gallery = Open();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  auto other = gallery->Add("B", FaceOf(Direction(0)), Image(1), "");
  EXPECT_EQ(other.error().code, ErrorCode::kAlreadyExists);
  EXPECT_THAT(other.error().message, HasSubstr("enrolled as \"A\" (face 1)"));
  EXPECT_EQ(gallery->People()->size(), 1u) << "B was not made";
}

TEST_P(GalleryContract, DescriptorsOfAnotherModelAreKeptButNeverCompared) {
  ASSERT_TRUE(Open("old")->Add("A", FaceOf(Direction(0)), Image(1), ""));
  const auto gallery = Open("new");
  testing::internal::CaptureStderr();
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0))}), "-");
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0))}), "-");
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("enrol them again of_another_model=1"));
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1);
  EXPECT_EQ(gallery->People().value()[0].other_model, 1u);
  EXPECT_FALSE(gallery->FacesOf("A").value()[0].comparable);
  // Enrolled again, the same row is of the new model.
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(3)), Image(1), ""));
  EXPECT_EQ(gallery->People().value()[0].faces, 1u);
  EXPECT_EQ(gallery->People().value()[0].other_model, 0u);
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(3))}), "A");
}

TEST_P(GalleryContract, FacesThatCannotBeComparedAreRefused) {
  const auto gallery = Open();
  auto nan = Direction(0);
  nan[5] = std::numeric_limits<float>::quiet_NaN();
  for (const auto& bad : {std::vector<float>(), std::vector<float>(128), nan}) {
    EXPECT_EQ(gallery->Add("A", FaceOf(bad), Image(1), "").error().code,
              ErrorCode::kInvalidArgument);
  }
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  auto shorter = gallery->Add("A", FaceOf({0, 1}), Image(2), "");
  EXPECT_THAT(shorter.error().message, HasSubstr("has 2 values, those"));
  EXPECT_EQ(Names(*gallery, {FaceOf({}), FaceOf({0, 1}), FaceOf(nan),
                             FaceOf(Direction(0))}),
            "- - - A");
}

TEST_P(GalleryContract, NamesAreCheckedUtf8) {
  const auto gallery = Open();
  const std::string bad[] = {"",
                             " A",
                             "A ",
                             "a\nb",
                             "\xff",
                             "\xc0\x80",
                             "\xed\xa0\x80",
                             "\xe2\x82",
                             "\xf4\x90\x80\x80",
                             "a\x7f",
                             "\xc2\x85",
                             "\xe2\x80\xae"
                             "a",
                             std::string(201, 'a'),
                             std::string("a\0b", 3)};
  for (const std::string& name : bad) {
    EXPECT_EQ(
        gallery->Add(name, FaceOf(Direction(0)), Image(1), "").error().code,
        ErrorCode::kInvalidArgument)
        << name;
  }
  int n = 0;
  for (const std::string name :
       {"李小龙", "Zoë \"Z\" O'Hara", "'; DROP TABLE", "\xf0\x9f\x98\x80"}) {
    ASSERT_TRUE(gallery->Add(name, FaceOf(Direction(0)), Image(++n), ""));
    EXPECT_EQ(gallery->FacesOf(name)->size(), 1u);
  }
}

TEST_P(GalleryContract, ANameThatDiffersInCaseIsHintedAt) {
  const auto gallery = Open();
  ASSERT_TRUE(
      gallery->Add("Åsa Ñandú Żółw", FaceOf(Direction(0)), Image(1), ""));
  auto unknown = gallery->FacesOf("åsa ñandÚ żÓŁw");
  EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(unknown.error().message,
              HasSubstr("did you mean \"Åsa Ñandú Żółw\"?"));
  testing::internal::CaptureStderr();
  ASSERT_TRUE(
      gallery->Add("ÅSA ÑANDÚ ŻÓŁW", FaceOf(Direction(1)), Image(2), ""));
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("two names differ only in case"));
  EXPECT_EQ(gallery->People()->size(), 2u);
}

TEST_P(GalleryContract, WhomNobodyKnowsIsNotFound) {
  const auto gallery = Open();
  EXPECT_EQ(gallery->FacesOf("X").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(gallery->Rename("X", "Y").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(gallery->Merge("X", "Y").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(gallery->Remove("X").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(gallery->RemoveFace(7).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(
      gallery->Reject("X", FaceOf(Direction(0)), Image(1)).error().message,
      "nobody is called \"X\"");
}

TEST_P(GalleryContract, RenamingNeverJoinsTwoPeopleMergingDoes) {
  const auto gallery = Open();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  ASSERT_TRUE(gallery->Add("B", FaceOf(Direction(1)), Image(2), ""));
  EXPECT_EQ(gallery->Rename("A", "B").error().code, ErrorCode::kAlreadyExists);
  ASSERT_TRUE(gallery->Rename("A", "A"));
  ASSERT_TRUE(gallery->Rename("A", "C"));
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0))}), "C");
  EXPECT_EQ(gallery->Merge("C", "C").error().code, ErrorCode::kInvalidArgument);
  // "This is not B" ends where C turns out to be B.
  ASSERT_TRUE(gallery->Reject("B", FaceOf(Direction(0)), Image(1)));
  ASSERT_TRUE(gallery->Merge("C", "B"));
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0))}), "B");
  const auto people = gallery->People().value();
  ASSERT_EQ(people.size(), 1u);
  EXPECT_EQ(people[0].faces, 2u);
  EXPECT_EQ(people[0].rejected, 0u);
}

TEST_P(GalleryContract, RemovingTheLastFaceRemovesThePerson) {
  const auto gallery = Open();
  const auto first = gallery->Add("A", FaceOf(Direction(0)), Image(1), "");
  const auto second = gallery->Add("A", FaceOf(Direction(1)), Image(2), "");
  ASSERT_TRUE(gallery->RemoveFace(*first));
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0))}), "-");
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(1))}), "A");
  ASSERT_TRUE(gallery->RemoveFace(*second));
  EXPECT_EQ(gallery->People()->size(), 0u);
  // A number that somebody noted down never means another face.
  EXPECT_GT(gallery->Add("A", FaceOf(Direction(0)), Image(1), "").value(),
            *second);
}

TEST_P(GalleryContract, ProcessesSeeWhatOthersChange) {
  const auto one = Open(), other = Open();
  const auto soon = [&](const std::string& name) {
    EXPECT_TRUE(EventuallyTrue([&] {
      return Names(*one, {FaceOf(Direction(0))}) == name;
    })) << name;
  };
  soon("-");
  ASSERT_TRUE(other->Add("A", FaceOf(Direction(0)), Image(1), ""));
  soon("A");
  ASSERT_TRUE(other->Rename("A", "B"));
  soon("B");
  ASSERT_TRUE(other->Remove("B"));
  soon("-");
}

TEST_P(GalleryContract, ThreadsMayIdentifyWhileOthersEnrol) {
  const auto gallery = Open();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(0), ""));
  std::thread writer([&] {
    for (int n = 1; n < 40; ++n) {
      EXPECT_TRUE(gallery->Add("B" + std::to_string(n),
                               FaceOf(Direction(static_cast<std::size_t>(n))),
                               Image(n), ""));
    }
  });
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0))}), "A");
  }
  writer.join();
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(39))}), "B39");
}

TEST_P(GalleryContract, AnExportImportedElsewhereKnowsTheSamePeople) {
  const auto gallery = Open();
  const Face wrong = FaceOf(Direction(0, 0.7f));
  ASSERT_TRUE(gallery->Add("Åsa \"1\"", FaceOf(Direction(0, 0.1f)), Image(1),
                           "bytes \xff.jpg"));
  ASSERT_TRUE(gallery->Add("B", FaceOf(Direction(1)), Image(2), ""));
  ASSERT_TRUE(gallery->Reject("Åsa \"1\"", wrong, Image(3)));
  std::ostringstream out;
  ASSERT_TRUE(gallery->Export(out));

  const auto copy = Open("sface", "copy");
  std::istringstream in(out.str());
  EXPECT_EQ(copy->Import(in).value(), 2u);
  EXPECT_EQ(Names(*copy, {FaceOf(Direction(0)), FaceOf(Direction(1))}),
            "Åsa \"1\" B");
  EXPECT_EQ(Names(*copy, {wrong}), "-");
  std::ostringstream again;
  ASSERT_TRUE(copy->Export(again));
  // But for the file name's bytes that are no UTF-8, which became U+FFFD.
  EXPECT_EQ(again.str(), out.str());
  std::istringstream twice(out.str());
  EXPECT_EQ(copy->Import(twice).value(), 0u);
  EXPECT_EQ(copy->People().value()[1].rejected, 1u);
}

TEST_P(GalleryContract, APictureIsKeptWithItsFace) {
  const auto gallery = Open();
  const auto id =
      gallery->Add("A", FaceOf(Direction(0)), Image(1), "", PictureNumber(1));
  const auto bare = gallery->Add("A", FaceOf(Direction(1)), Image(2), "");
  EXPECT_EQ(gallery->PictureOf(*id).value(), PictureNumber(1));
  EXPECT_EQ(Open()->PictureOf(*id).value(), PictureNumber(1));
  EXPECT_EQ(gallery->PictureOf(*bare).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(gallery->PictureOf(77).error().code, ErrorCode::kNotFound);
  const auto faces = Open()->FacesOf("A").value();
  ASSERT_EQ(faces.size(), 2u);
  EXPECT_TRUE(faces[0].has_picture);
  EXPECT_FALSE(faces[1].has_picture);

  ASSERT_TRUE(gallery->Rename("A", "B"));
  ASSERT_TRUE(
      gallery->Add("C", FaceOf(Direction(2)), Image(3), "", PictureNumber(3)));
  ASSERT_TRUE(gallery->Merge("B", "C"));
  EXPECT_EQ(gallery->PictureOf(*id).value(), PictureNumber(1));
  ASSERT_TRUE(gallery->RemoveFace(*id));
  EXPECT_EQ(gallery->PictureOf(*id).error().code, ErrorCode::kNotFound);
  const auto last = gallery->FacesOf("C").value().back().id;
  EXPECT_EQ(gallery->PictureOf(last).value(), PictureNumber(3));
  ASSERT_TRUE(gallery->Remove("C"));
  EXPECT_EQ(gallery->PictureOf(last).error().code, ErrorCode::kNotFound);
}

TEST_P(GalleryContract, EnrollingAgainAddsAPictureWhereThereIsNone) {
  const auto gallery = Open();
  const auto add = [&](Gallery& to, const FacePicture& picture) {
    return to.Add("A", FaceOf(Direction(0)), Image(1), "", picture).value();
  };
  const std::int64_t id = add(*gallery, {});
  EXPECT_EQ(add(*gallery, PictureNumber(1)), id);
  EXPECT_EQ(gallery->PictureOf(id).value(), PictureNumber(1));
  EXPECT_TRUE(gallery->FacesOf("A").value()[0].has_picture);
  add(*gallery, PictureNumber(2));
  EXPECT_EQ(gallery->PictureOf(id).value(), PictureNumber(1));
  // Described anew, it is shown anew, where there is something to show.
  const auto other = Open("another model");
  add(*other, {});
  EXPECT_EQ(other->PictureOf(id).value(), PictureNumber(1));
  add(*Open(), PictureNumber(3));
  EXPECT_EQ(other->PictureOf(id).value(), PictureNumber(3));
}

TEST_P(GalleryContract, WhatIsNoSmallJpegIsNotKept) {
  const auto gallery = Open();
  FacePicture no_jpeg = PictureNumber(1);
  no_jpeg[0] = std::byte{0};
  for (const FacePicture& bad : {no_jpeg, FacePicture{std::byte{0xff}},
                                 PictureNumber(1, kMaxFacePictureBytes + 1)}) {
    EXPECT_EQ(
        gallery->Add("A", FaceOf(Direction(0)), Image(1), "", bad).error().code,
        ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(gallery->People()->size(), 0u);
  const auto id = gallery->Add("A", FaceOf(Direction(0)), Image(1), "",
                               PictureNumber(1, kMaxFacePictureBytes));
  EXPECT_EQ(gallery->PictureOf(*id)->size(), kMaxFacePictureBytes);
}

TEST_P(GalleryContract, AFaceMayBeGivenToAnotherPerson) {
  const auto gallery = Open(), other = Open();
  const auto first =
      gallery->Add("A", FaceOf(Direction(0)), Image(1), "", PictureNumber(1));
  const auto second = gallery->Add("A", FaceOf(Direction(1)), Image(2), "");
  ASSERT_TRUE(gallery->Move(*first, "B"));
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0)), FaceOf(Direction(1))}),
            "B A");
  EXPECT_EQ(other->FacesOf("B").value().at(0).id, *first);
  EXPECT_EQ(other->PictureOf(*first).value(), PictureNumber(1));
  // "This is not A" ends where it turns out to be, and who has nothing left is
  // removed.
  ASSERT_TRUE(gallery->Reject("A", FaceOf(Direction(0)), Image(1)));
  ASSERT_TRUE(gallery->Move(*first, "A"));
  const auto people = other->People().value();
  ASSERT_EQ(people.size(), 1u);
  EXPECT_EQ(people[0].name, "A");
  EXPECT_EQ(people[0].faces, 2u);
  EXPECT_EQ(people[0].rejected, 0u);
  ASSERT_TRUE(gallery->Move(*second, "A"));
  EXPECT_EQ(gallery->Move(77, "B").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(gallery->Move(*first, " B").error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(gallery->People()->size(), 1u);
}

TEST_P(GalleryContract, AnEnrolledFaceMayTurnOutToBeAnothers) {
  const auto gallery = Open();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  const auto wrong =
      gallery->Add("A", FaceOf(Direction(1)), Image(2), "", PictureNumber(2));
  ASSERT_TRUE(gallery->RejectFace(*wrong));
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(1))}), "-");
  const auto people = Open()->People().value();
  EXPECT_EQ(people.at(0).faces, 1u);
  EXPECT_EQ(people.at(0).rejected, 1u);
  EXPECT_EQ(gallery->PictureOf(*wrong).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(gallery->RejectFace(*wrong).error().code, ErrorCode::kNotFound);
}

TEST_P(GalleryContract, PicturesAreExportedAndImported) {
  const auto gallery = Open();
  for (int n = 1; n <= 4; ++n) {
    const auto bytes = static_cast<std::size_t>(100 + n);
    ASSERT_TRUE(gallery->Add(
        "A", FaceOf(Direction(static_cast<std::size_t>(n))), Image(n), "",
        n == 4 ? FacePicture() : PictureNumber(n, bytes)));
  }
  std::ostringstream out;
  ASSERT_TRUE(gallery->Export(out));
  const auto copy = Open("sface", "copy");
  // Enrolled without a picture, which the file has.
  ASSERT_TRUE(copy->Add("A", FaceOf(Direction(1)), Image(1), ""));
  std::istringstream in(out.str());
  EXPECT_EQ(copy->Import(in).value(), 3u);
  const auto faces = copy->FacesOf("A").value();
  ASSERT_EQ(faces.size(), 4u);
  for (const EnrolledFace& face : faces) {
    EXPECT_EQ(face.has_picture, face.image != Image(4));
  }
  std::ostringstream again;
  ASSERT_TRUE(copy->Export(again));
  EXPECT_EQ(again.str(), out.str());
}

TEST_P(GalleryContract, ABadPictureOfALineIsRefused) {
  GalleryLine line;
  line.person = "A";
  line.model = Sha256("sface");
  line.box = {1, 2, 3, 4};
  line.descriptor = Direction(0);
  line.picture = PictureNumber(1, 30);
  const std::string good = FormatGalleryLine(line);
  const std::string picture = "\"" + FormatFacePicture(line.picture) + "\"";
  const std::string big =
      "\"/9j/" + std::string((kMaxFacePictureBytes / 3 + 2) * 4, 'A') + "\"";
  const auto gallery = Open();
  for (const std::string& bad :
       {std::string("5"), std::string("\"\""), std::string("\"/9j\""),
        std::string("\"AAAA\""), std::string("\"/9j=\""),
        std::string("\"/9j/====\""), std::string("\"/9j/ AAA\""), big}) {
    std::string text = good;
    text.replace(text.find(picture), picture.size(), bad);
    std::istringstream in(text);
    EXPECT_EQ(gallery->Import(in).error().code, ErrorCode::kInvalidArgument)
        << bad.substr(0, 20);
  }
}

TEST_P(GalleryContract, ABadLineIsNamedAndNothingIsKept) {
  GalleryLine line;
  line.person = "A";
  line.model = Sha256("sface");
  line.image = Image(1);
  line.box = {1, 2, 3, 4};
  line.descriptor = Direction(0);
  const std::string good = FormatGalleryLine(line);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string bad = good;
    const auto at = bad.find(from);
    EXPECT_NE(at, bad.npos) << from;
    return bad.replace(at, from.size(), to);
  };
  std::string other_person = FormatGalleryLine([&] {
    GalleryLine other = line;
    other.person = "B";
    return other;
  }());
  GalleryLine big = line;
  big.descriptor.resize(5000);
  GalleryLine shorter = line;
  shorter.image = Image(2);
  shorter.descriptor.resize(64);
  GalleryLine zero = line;
  zero.descriptor.assign(kTestDimension, 0.0f);
  const std::pair<std::string, std::string> cases[] = {
      {"nonsense", "no JSON object"},
      {"[]", "no JSON object"},
      {good.substr(0, good.size() - 1), "no JSON object"},
      {with("\"version\":1", "\"version\":2"), "version is not 1"},
      {with("\"face\"", "\"fake\""), "unknown type"},
      {with("\"person\":\"A\"", "\"person\":\"\""), "an empty name"},
      {with("\"person\":\"A\"", "\"person\":5"), "person is missing"},
      {with(line.image.ToHex(), "1234"), "image is no SHA-256"},
      {with("\"x\":1.0", "\"x\":1e30"), "box.x is out of range"},
      {with("\"width\":3.0", "\"width\":-3.0"), "box is empty"},
      {with("[1.0", "[NaN"), "no JSON object"},
      {with("[1.0", "[1e999"), "no JSON object"},
      {with("[1.0", "[1e300"), "descriptor[0] is out of range"},
      {with("[1.0", "[\"1\""), "descriptor[0] is missing or no number"},
      {FormatGalleryLine(big), "descriptor has 5000 values"},
      {FormatGalleryLine(shorter), "descriptor has 64 values, those"},
      {FormatGalleryLine(zero), "can't be scaled to unit length"},
      {other_person, "enrolled as \"A\""},
      {std::string(2 << 20, '['), "longer than 1048576 bytes"},
      {std::string(500'000, '['), "no JSON object"},
  };
  const auto gallery = Open();
  for (const auto& [bad, reason] : cases) {
    std::istringstream in(good + "\n\n" + bad + "\n");
    auto imported = gallery->Import(in);
    ASSERT_FALSE(imported) << reason;
    EXPECT_THAT(imported.error().message,
                testing::AllOf(HasSubstr("line 3: "), HasSubstr(reason)));
    EXPECT_EQ(gallery->People()->size(), 0u);
  }
}

TEST_P(GalleryContract, AnImportedVectorIsScaledToUnitLength) {
  GalleryLine line;
  line.person = "A";
  line.model = Sha256("sface");
  line.box = {1, 2, 3, 4};
  line.descriptor = Direction(0);
  for (float& value : line.descriptor) value *= 20;
  std::istringstream in(FormatGalleryLine(line));
  const auto gallery = Open();
  ASSERT_TRUE(gallery->Import(in));
  const auto people =
      gallery->Identify({FaceOf(Direction(0))}, Image(1), {}).value();
  EXPECT_NEAR(people[0]->similarity, 1, 1e-6);
}

TEST_P(GalleryContract, ImportNeverOverrulesWhatIsKnownHere) {
  const auto gallery = Open();
  GalleryLine line;
  line.rejected = true;
  line.person = "A";
  line.model = Sha256("sface");
  line.image = Image(1);
  line.box = FaceOf({}).box;
  line.descriptor = Direction(0);
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  std::istringstream in(FormatGalleryLine(line));
  EXPECT_EQ(gallery->Import(in).value(), 0u);
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0))}), "A");
}

TEST_P(GalleryContract, AnExportToAFullDiskFails) {
  const auto gallery = Open();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  std::ofstream full("/dev/full");
  EXPECT_EQ(gallery->Export(full).error().code, ErrorCode::kResourceExhausted);
}

INSTANTIATE_TEST_SUITE_P(Sqlite, GalleryContract,
                         testing::Values(Place::kSqlite));
INSTANTIATE_TEST_SUITE_P(Redis, GalleryContract,
                         testing::Values(Place::kRedis));
INSTANTIATE_TEST_SUITE_P(RedisCluster, GalleryContract,
                         testing::Values(Place::kRedisCluster));

}  // namespace
}  // namespace ocelli
