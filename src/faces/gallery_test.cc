#include "faces/gallery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <thread>

#include "core/test_folder.h"
#include "faces/gallery_line.h"
#include "sqlite/database.h"

namespace ocelli {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::Not;
using testing::Optional;

constexpr std::size_t kDimension = 128;

// A unit vector of one direction; `lean` towards another, as a cosine.
std::vector<float> Direction(std::size_t axis, float lean = 0,
                             std::size_t towards = kDimension - 1) {
  std::vector<float> values(kDimension, 0.0f);
  values[axis] = std::sqrt(1 - lean * lean);
  values[towards] += lean;
  return values;
}

Face FaceOf(std::vector<float> descriptor, float x = 10) {
  Face face;
  face.box = {x, 20, 100, 120};
  face.descriptor = std::move(descriptor);
  face.quality = {0.5f, 0.25f, 0.75f, 0.4f};
  return face;
}

Digest Image(int n) { return Sha256("image " + std::to_string(n)); }

class GalleryTest : public testing::Test {
 protected:
  std::unique_ptr<Gallery> MustOpen(const std::string& model = "sface") {
    auto gallery = Gallery::Open(file_, Sha256(model), clock_,
                                 std::chrono::milliseconds(50));
    EXPECT_TRUE(gallery) << gallery.error().message;
    return gallery ? std::move(*gallery) : nullptr;
  }

  // Names of the faces, "-" for unknown.
  std::string Names(const Gallery& gallery, const std::vector<Face>& faces,
                    const Digest& image = Image(999),
                    const IdentifyOptions& options = {}) {
    auto people = gallery.Identify(faces, image, options);
    EXPECT_TRUE(people) << people.error().message;
    std::string names;
    for (const auto& person : *people) {
      names += (names.empty() ? "" : " ") + (person ? person->name : "-");
    }
    return names;
  }

  // A connection behind the gallery's back.
  std::unique_ptr<Database> Direct() {
    constexpr const char* kSame[] = {""};
    DatabaseOptions options;
    options.application_id = 0x4f634761;
    options.migrations = kSame;
    return Database::Open(file_, options).value();
  }

  // Every byte that the gallery has on disk.
  std::string RawBytes() {
    std::string bytes;
    for (const auto& entry :
         std::filesystem::directory_iterator(folder_.path())) {
      bytes += ReadTestFile(entry.path());
    }
    return bytes;
  }

  TestFolder folder_;
  const std::filesystem::path file_ = folder_ / "people.sqlite";
  const FixedClock clock_{std::chrono::system_clock::time_point(
      std::chrono::seconds(1'700'000'000))};
};

std::string BytesOf(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()),
          values.size() * sizeof(float)};
}

TEST_F(GalleryTest, APersonIsKnownAgainByAnotherProcess) {
  const Face face = FaceOf(Direction(0));
  const std::int64_t id =
      MustOpen()->Add("Åsa", face, Image(1), "holiday/a.jpg").value();
  const auto gallery = MustOpen();
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0, 0.5f))}), "Åsa");
  const auto faces = gallery->FacesOf("Åsa").value();
  ASSERT_EQ(faces.size(), 1u);
  EXPECT_EQ(faces[0].id, id);
  EXPECT_EQ(faces[0].image, Image(1));
  EXPECT_EQ(faces[0].box, face.box);
  EXPECT_EQ(faces[0].source, "holiday/a.jpg");
  EXPECT_EQ(faces[0].quality.frontality, 0.75f);
  EXPECT_EQ(faces[0].created, clock_.WallTime());
  EXPECT_TRUE(faces[0].comparable);
}

TEST_F(GalleryTest, WhoIsNotNearEnoughIsUnknown) {
  const auto gallery = MustOpen();
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

TEST_F(GalleryTest, WhoIsNearTwoPeopleIsUnknown) {
  const auto gallery = MustOpen();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  ASSERT_TRUE(gallery->Add("B", FaceOf(Direction(1)), Image(2), ""));
  const Face between = FaceOf(Direction(0, 0.70f, 1));
  EXPECT_EQ(Names(*gallery, {between}, Image(3), {0.36f, 0.03f}), "-");
  EXPECT_EQ(Names(*gallery, {between}, Image(3), {0.36f, 0.01f}), "A");
}

TEST_F(GalleryTest, TheNearestOfAPersonsFacesCounts) {
  const auto gallery = MustOpen();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(1)), Image(2), ""));
  ASSERT_TRUE(gallery->Add("B", FaceOf(Direction(2)), Image(3), ""));
  const auto people =
      gallery->Identify({FaceOf(Direction(1, 0.6f, 2))}, Image(4), {}).value();
  ASSERT_TRUE(people[0]);
  EXPECT_EQ(people[0]->name, "A");
  EXPECT_NEAR(people[0]->similarity, 0.8f, 1e-5f);
}

TEST_F(GalleryTest, OnePictureNeverHasAPersonTwice) {
  const auto gallery = MustOpen();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  ASSERT_TRUE(gallery->Add("B", FaceOf(Direction(1)), Image(2), ""));
  EXPECT_EQ(
      Names(*gallery, {FaceOf(Direction(0, 0.5f)), FaceOf(Direction(0, 0.2f)),
                       FaceOf(Direction(1)), FaceOf(Direction(0, 0.4f))}),
      "- A B -");
}

TEST_F(GalleryTest, ARejectedFaceIsNeverNamedSoAgain) {
  const auto gallery = MustOpen();
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
  const auto other = MustOpen("another model");
  ASSERT_TRUE(other->Add("A", FaceOf(Direction(0)), Image(6), ""));
  EXPECT_EQ(Names(*other, {FaceOf(Direction(0))}, Image(5)), "-");
}

TEST_F(GalleryTest, ARejectionLeavesTheNextBestPerson) {
  const auto gallery = MustOpen();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  ASSERT_TRUE(gallery->Add("B", FaceOf(Direction(1)), Image(2), ""));
  const Face face = FaceOf(Direction(0, 0.6f, 1));
  ASSERT_TRUE(gallery->Reject("A", face, Image(3)));
  EXPECT_EQ(Names(*gallery, {face}, Image(3)), "B");
}

TEST_F(GalleryTest, RejectionAndEnrolmentOfOneFaceReplaceEachOther) {
  const auto gallery = MustOpen();
  const Face face = FaceOf(Direction(0));
  ASSERT_TRUE(gallery->Add("A", face, Image(1), ""));
  ASSERT_TRUE(gallery->Reject("A", face, Image(1)));
  EXPECT_EQ(gallery->FacesOf("A")->size(), 0u);
  EXPECT_EQ(Names(*gallery, {face}, Image(1)), "-");
  ASSERT_TRUE(gallery->Add("A", face, Image(1), ""));
  EXPECT_EQ(gallery->People().value()[0].rejected, 0u);
  EXPECT_EQ(Names(*gallery, {face}, Image(1)), "A");
}

TEST_F(GalleryTest, EnrollingTheSameFaceAgainChangesNothing) {
  const auto gallery = MustOpen();
  const auto first = gallery->Add("A", FaceOf(Direction(0)), Image(1), "a");
  Face again = FaceOf(Direction(0));
  again.box.x += 10;
  EXPECT_EQ(gallery->Add("A", again, Image(1), "b").value(), *first);
  EXPECT_EQ(gallery->FacesOf("A")->size(), 1u);
  EXPECT_NE(gallery->Add("A", FaceOf(Direction(0), 300), Image(1), "").value(),
            *first);
}

TEST_F(GalleryTest, AFaceHasOneName) {
  const auto gallery = MustOpen();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  auto other = gallery->Add("B", FaceOf(Direction(0)), Image(1), "");
  EXPECT_EQ(other.error().code, ErrorCode::kAlreadyExists);
  EXPECT_THAT(other.error().message, HasSubstr("enrolled as \"A\" (face 1)"));
  EXPECT_EQ(gallery->People()->size(), 1u) << "B was not made";
}

TEST_F(GalleryTest, DescriptorsOfAnotherModelAreKeptButNeverCompared) {
  ASSERT_TRUE(MustOpen("old")->Add("A", FaceOf(Direction(0)), Image(1), ""));
  const auto gallery = MustOpen("new");
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

TEST_F(GalleryTest, FacesThatCannotBeComparedAreRefused) {
  const auto gallery = MustOpen();
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

TEST_F(GalleryTest, NamesAreCheckedUtf8) {
  const auto gallery = MustOpen();
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

TEST_F(GalleryTest, ANameThatDiffersInCaseIsHintedAt) {
  const auto gallery = MustOpen();
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

TEST_F(GalleryTest, WhomNobodyKnowsIsNotFound) {
  const auto gallery = MustOpen();
  EXPECT_EQ(gallery->FacesOf("X").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(gallery->Rename("X", "Y").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(gallery->Merge("X", "Y").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(gallery->Remove("X").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(gallery->RemoveFace(7).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(
      gallery->Reject("X", FaceOf(Direction(0)), Image(1)).error().message,
      "nobody is called \"X\"");
}

TEST_F(GalleryTest, RenamingNeverJoinsTwoPeopleMergingDoes) {
  const auto gallery = MustOpen();
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

TEST_F(GalleryTest, RemovingAPersonLeavesNoByteOfTheirVectors) {
  const auto gallery = MustOpen();
  std::vector<std::vector<float>> theirs;
  for (int n = 0; n < 60; ++n) {
    std::vector<float> vector(kDimension);
    for (std::size_t i = 0; i < kDimension; ++i) {
      vector[i] =
          std::sin(static_cast<float>(n * 131) + static_cast<float>(i) * 1.7f) /
          8;
    }
    const bool kept = n % 2 == 0;
    ASSERT_TRUE(
        gallery->Add(kept ? "kept" : "gone", FaceOf(vector), Image(n), ""))
        << n;
    if (!kept) {
      // As it is stored: at unit length.
      double squares = 0;
      for (const float v : vector) squares += double{v} * double{v};
      for (float& v : vector) {
        v = static_cast<float>(double{v} / std::sqrt(squares));
      }
      theirs.push_back(vector);
    }
  }
  ASSERT_TRUE(gallery->Reject("gone", FaceOf(Direction(7)), Image(1000)));
  theirs.push_back(Direction(7));
  const std::string before = RawBytes();
  for (const auto& vector : theirs) {
    ASSERT_THAT(before.find(BytesOf(vector)), Not(std::string::npos));
  }
  ASSERT_TRUE(gallery->Remove("gone"));
  const std::string after = RawBytes();
  theirs.pop_back();  // Mostly zeros: no part of it is telling.
  for (const auto& vector : theirs) {
    const std::string bytes = BytesOf(vector);
    for (std::size_t i = 0; i + 16 <= bytes.size(); i += 16) {
      ASSERT_EQ(after.find(bytes.substr(i, 16)), std::string::npos);
    }
  }
  EXPECT_EQ(after.find(BytesOf(Direction(7))), std::string::npos);
  EXPECT_EQ(gallery->People()->size(), 1u);
  EXPECT_EQ(gallery->FacesOf("kept")->size(), 30u);
}

TEST_F(GalleryTest, RemovingTheLastFaceRemovesThePerson) {
  const auto gallery = MustOpen();
  const auto first = gallery->Add("A", FaceOf(Direction(0)), Image(1), "");
  const auto second = gallery->Add("A", FaceOf(Direction(1)), Image(2), "");
  ASSERT_TRUE(gallery->RemoveFace(*first));
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0))}), "-");
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(1))}), "A");
  ASSERT_TRUE(gallery->RemoveFace(*second));
  EXPECT_EQ(gallery->People()->size(), 0u);
  EXPECT_EQ(RawBytes().find(BytesOf(Direction(1))), std::string::npos);
  // A number that somebody noted down never means another face.
  EXPECT_GT(gallery->Add("A", FaceOf(Direction(0)), Image(1), "").value(),
            *second);
}

TEST_F(GalleryTest, ARemovalThatCouldNotOverwriteIsFinishedAtTheNextOpen) {
  {
    const auto gallery = MustOpen();
    ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
    // A reader that stays keeps the log from being emptied.
    ASSERT_TRUE(Direct()->Query(
        "SELECT * FROM people", {}, [&](const SqlRow&) -> Result<> {
          auto removed = gallery->Remove("A");
          EXPECT_EQ(removed.error().code, ErrorCode::kUnavailable);
          EXPECT_THAT(removed.error().message,
                      HasSubstr("\"A\" is removed, but"));
          return {};
        }));
    EXPECT_EQ(gallery->People()->size(), 0u);
    EXPECT_NE(RawBytes().find(BytesOf(Direction(0))), std::string::npos);
  }
  const auto gallery = MustOpen();
  EXPECT_EQ(RawBytes().find(BytesOf(Direction(0))), std::string::npos);
}

TEST_F(GalleryTest, ProcessesSeeWhatOthersChange) {
  const auto one = MustOpen(), other = MustOpen();
  EXPECT_EQ(Names(*one, {FaceOf(Direction(0))}), "-");
  ASSERT_TRUE(other->Add("A", FaceOf(Direction(0)), Image(1), ""));
  EXPECT_EQ(Names(*one, {FaceOf(Direction(0))}), "A");
  ASSERT_TRUE(other->Rename("A", "B"));
  EXPECT_EQ(Names(*one, {FaceOf(Direction(0))}), "B");
  ASSERT_TRUE(other->Remove("B"));
  EXPECT_EQ(Names(*one, {FaceOf(Direction(0))}), "-");
}

TEST_F(GalleryTest, ThreadsMayIdentifyWhileOthersEnrol) {
  const auto gallery = MustOpen();
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

TEST_F(GalleryTest, AnExportImportedElsewhereKnowsTheSamePeople) {
  const auto gallery = MustOpen();
  const Face wrong = FaceOf(Direction(0, 0.7f));
  ASSERT_TRUE(gallery->Add("Åsa \"1\"", FaceOf(Direction(0, 0.1f)), Image(1),
                           "bytes \xff.jpg"));
  ASSERT_TRUE(gallery->Add("B", FaceOf(Direction(1)), Image(2), ""));
  ASSERT_TRUE(gallery->Reject("Åsa \"1\"", wrong, Image(3)));
  std::ostringstream out;
  ASSERT_TRUE(gallery->Export(out));

  const auto copy =
      Gallery::Open(folder_ / "copy.sqlite", Sha256("sface"), clock_).value();
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

TEST_F(GalleryTest, ABadLineIsNamedAndNothingIsKept) {
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
  zero.descriptor.assign(kDimension, 0.0f);
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
  const auto gallery = MustOpen();
  for (const auto& [bad, reason] : cases) {
    std::istringstream in(good + "\n\n" + bad + "\n");
    auto imported = gallery->Import(in);
    ASSERT_FALSE(imported) << reason;
    EXPECT_THAT(imported.error().message,
                testing::AllOf(HasSubstr("line 3: "), HasSubstr(reason)));
    EXPECT_EQ(gallery->People()->size(), 0u);
  }
}

TEST_F(GalleryTest, AnImportedVectorIsScaledToUnitLength) {
  GalleryLine line;
  line.person = "A";
  line.model = Sha256("sface");
  line.box = {1, 2, 3, 4};
  line.descriptor = Direction(0);
  for (float& value : line.descriptor) value *= 20;
  std::istringstream in(FormatGalleryLine(line));
  const auto gallery = MustOpen();
  ASSERT_TRUE(gallery->Import(in));
  const auto people =
      gallery->Identify({FaceOf(Direction(0))}, Image(1), {}).value();
  EXPECT_NEAR(people[0]->similarity, 1, 1e-6);
}

TEST_F(GalleryTest, ImportNeverOverrulesWhatIsKnownHere) {
  const auto gallery = MustOpen();
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

TEST_F(GalleryTest, AnExportToAFullDiskFails) {
  const auto gallery = MustOpen();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  std::ofstream full("/dev/full");
  EXPECT_EQ(gallery->Export(full).error().code, ErrorCode::kResourceExhausted);
}

TEST_F(GalleryTest, ADamagedFileIsLeftAsItIs) {
  WriteTestFile(file_, "not what it was");
  auto gallery = Gallery::Open(file_, Sha256("sface"), clock_);
  EXPECT_EQ(gallery.error().code, ErrorCode::kDataLoss);
  EXPECT_THAT(gallery.error().message, HasSubstr(file_.string()));
  EXPECT_EQ(ReadTestFile(file_), "not what it was");
}

TEST_F(GalleryTest, DamagedRowsAreLeftOut) {
  ASSERT_TRUE(MustOpen()->Add("A", FaceOf(Direction(0)), Image(1), ""));
  ASSERT_TRUE(MustOpen()->Add("B", FaceOf(Direction(1)), Image(2), ""));
  ASSERT_TRUE(
      Direct()->Run("UPDATE faces SET descriptor = 'abc', image = 5, x = 'y'"
                    " WHERE id = 2"));
  const auto gallery = MustOpen();
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0)), FaceOf(Direction(1))}),
            "A -");
}

TEST_F(GalleryTest, ALockedFileIsUnavailableAndThenFineAgain) {
  const auto gallery = MustOpen();
  const auto holder = Direct();
  auto transaction = Transaction::Begin(*holder);
  ASSERT_TRUE(transaction);
  auto added = gallery->Add("A", FaceOf(Direction(0)), Image(1), "");
  EXPECT_EQ(added.error().code, ErrorCode::kUnavailable);
  ASSERT_TRUE(transaction->Commit());
  EXPECT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
}

// A limit on the size of files fails the same calls as a full disk.
TEST_F(GalleryTest, AFullDiskLosesNothingStored) {
  ASSERT_TRUE(MustOpen()->Add("A", FaceOf(Direction(0)), Image(1), ""));
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100'000, 100'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    auto gallery = Gallery::Open(file_, Sha256("sface"), clock_);
    if (!gallery) _exit(2);
    for (int n = 2; n < 1000; ++n) {
      auto added = (*gallery)->Add("B", FaceOf(Direction(1)), Image(n), "");
      if (added) continue;
      _exit(added.error().code == ErrorCode::kResourceExhausted ? 0 : 3);
    }
    _exit(4);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  const auto gallery = MustOpen();
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0))}), "A");
  EXPECT_TRUE(gallery->Add("C", FaceOf(Direction(2)), Image(5000), ""));
}

TEST_F(GalleryTest, AKilledProcessLosesNothingItAcknowledged) {
  for (int round = 0; round < 5; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      auto gallery = Gallery::Open(file_, Sha256("sface"), clock_);
      for (int n = 0;; ++n) {
        auto id = (*gallery)->Add("A", FaceOf(Direction(0)),
                                  Image(round * 1000 + n), "");
        if (!id || write(pipe_ends[1], &*id, sizeof(*id)) < 0) _exit(1);
      }
    }
    close(pipe_ends[1]);
    std::vector<std::int64_t> acknowledged;
    std::int64_t id = 0;
    while (read(pipe_ends[0], &id, sizeof(id)) == sizeof(id)) {
      acknowledged.push_back(id);
      if (acknowledged.size() == 10 + static_cast<std::size_t>(round)) {
        kill(child, SIGKILL);
      }
    }
    close(pipe_ends[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status));
    const auto faces = MustOpen()->FacesOf("A").value();
    for (const std::int64_t wanted : acknowledged) {
      EXPECT_THAT(faces, testing::Contains(Field(&EnrolledFace::id, wanted)));
    }
  }
}

}  // namespace
}  // namespace ocelli
