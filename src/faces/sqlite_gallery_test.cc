// What only the gallery of one file promises; gallery_contract_test.cc has the
// rest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/test_folder.h"
#include "faces/gallery.h"
#include "faces/test_gallery.h"
#include "sqlite/database.h"

namespace ocelli {
namespace {

using testing::Field;
using testing::HasSubstr;
using testing::Not;

class SqliteGalleryTest : public testing::Test {
 protected:
  std::unique_ptr<Gallery> MustOpen() {
    auto gallery = Gallery::Open(file_, Sha256("sface"), GalleryTestClock(),
                                 std::chrono::milliseconds(50));
    EXPECT_TRUE(gallery) << gallery.error().message;
    return gallery ? std::move(*gallery) : nullptr;
  }

  // A connection behind the gallery's back.
  std::unique_ptr<Database> Direct() {
    constexpr const char* kSame[] = {"", ""};
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
};

TEST_F(SqliteGalleryTest, RemovingAPersonLeavesNoByteOfTheirVectors) {
  const auto gallery = MustOpen();
  std::vector<std::vector<float>> theirs;
  for (int n = 0; n < 60; ++n) {
    const auto vector = TellingVector(n);
    const bool kept = n % 2 == 0;
    ASSERT_TRUE(
        gallery->Add(kept ? "kept" : "gone", FaceOf(vector), Image(n), ""));
    if (!kept) theirs.push_back(vector);
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
    ASSERT_FALSE(HasPartOf(after, vector));
  }
  EXPECT_EQ(after.find(BytesOf(Direction(7))), std::string::npos);
  EXPECT_EQ(gallery->People()->size(), 1u);
  EXPECT_EQ(gallery->FacesOf("kept")->size(), 30u);
}

TEST_F(SqliteGalleryTest, NorOfTheirPictures) {
  const auto gallery = MustOpen();
  for (int n = 0; n < 20; ++n) {
    ASSERT_TRUE(gallery->Add(n % 2 == 0 ? "kept" : "gone",
                             FaceOf(TellingVector(n)), Image(n), "",
                             PictureNumber(n)));
  }
  ASSERT_TRUE(HasPartOf(RawBytes(), PictureNumber(1)));
  ASSERT_TRUE(gallery->Remove("gone"));
  const std::string after = RawBytes();
  for (int n = 0; n < 20; ++n) {
    EXPECT_EQ(HasPartOf(after, PictureNumber(n)), n % 2 == 0) << n;
  }
}

TEST_F(SqliteGalleryTest, PeopleOfBeforeThereWerePicturesAreKept) {
  // The first schema, as files of that time have it.
  constexpr const char* kFirst[] = {R"(
  CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE faces(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    person INTEGER NOT NULL REFERENCES people ON DELETE CASCADE,
    rejected INTEGER NOT NULL, model BLOB NOT NULL, image BLOB NOT NULL,
    x REAL NOT NULL, y REAL NOT NULL, width REAL NOT NULL, height REAL NOT NULL,
    descriptor BLOB NOT NULL, source TEXT NOT NULL, size REAL NOT NULL,
    sharpness REAL NOT NULL, frontality REAL NOT NULL, overall REAL NOT NULL,
    created INTEGER NOT NULL);
  CREATE INDEX faces_by_person ON faces(person);
  CREATE INDEX faces_by_image ON faces(image);
  CREATE INDEX faces_by_model ON faces(model);
  CREATE TABLE scrub(due INTEGER NOT NULL);
  INSERT INTO scrub VALUES(0);)"};
  {
    DatabaseOptions options;
    options.application_id = 0x4f634761;
    options.migrations = kFirst;
    const auto old = Database::Open(file_, options).value();
    const Digest model = Sha256("sface"), image = Image(1);
    const auto descriptor = Direction(0);
    const RectF box = FaceOf({}).box;
    ASSERT_TRUE(old->Run("INSERT INTO people VALUES(1, 'A')"));
    ASSERT_TRUE(old->Run(
        "INSERT INTO faces VALUES(1, 1, 0, ?, ?, ?, ?, ?, ?, ?, 'a.jpg', 0, 0,"
        " 0, 0, 5)",
        {std::as_bytes(std::span(model.bytes)),
         std::as_bytes(std::span(image.bytes)), double{box.x}, double{box.y},
         double{box.width}, double{box.height},
         std::as_bytes(std::span(descriptor))}));
  }
  const auto gallery = MustOpen();
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0))}), "A");
  EXPECT_FALSE(gallery->FacesOf("A").value().at(0).has_picture);
  EXPECT_EQ(
      gallery->Add("A", FaceOf(Direction(0)), Image(1), "", PictureNumber(1))
          .value(),
      1);
  EXPECT_EQ(MustOpen()->PictureOf(1).value(), PictureNumber(1));
}

TEST_F(SqliteGalleryTest,
       ARemovalThatCouldNotOverwriteIsFinishedAtTheNextOpen) {
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

TEST_F(SqliteGalleryTest, ADamagedFileIsLeftAsItIs) {
  WriteTestFile(file_, "not what it was");
  auto gallery = Gallery::Open(file_, Sha256("sface"), GalleryTestClock());
  EXPECT_EQ(gallery.error().code, ErrorCode::kDataLoss);
  EXPECT_THAT(gallery.error().message, HasSubstr(file_.string()));
  EXPECT_EQ(ReadTestFile(file_), "not what it was");
}

TEST_F(SqliteGalleryTest, DamagedRowsAreLeftOut) {
  ASSERT_TRUE(MustOpen()->Add("A", FaceOf(Direction(0)), Image(1), ""));
  ASSERT_TRUE(MustOpen()->Add("B", FaceOf(Direction(1)), Image(2), ""));
  ASSERT_TRUE(
      Direct()->Run("UPDATE faces SET descriptor = 'abc', image = 5, x = 'y'"
                    " WHERE id = 2"));
  const auto gallery = MustOpen();
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0)), FaceOf(Direction(1))}),
            "A -");
}

TEST_F(SqliteGalleryTest, ALockedFileIsUnavailableAndThenFineAgain) {
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
TEST_F(SqliteGalleryTest, AFullDiskLosesNothingStored) {
  ASSERT_TRUE(MustOpen()->Add("A", FaceOf(Direction(0)), Image(1), ""));
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100'000, 100'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    auto gallery = Gallery::Open(file_, Sha256("sface"), GalleryTestClock());
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

TEST_F(SqliteGalleryTest, AKilledProcessLosesNothingItAcknowledged) {
  for (int round = 0; round < 5; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      auto gallery = Gallery::Open(file_, Sha256("sface"), GalleryTestClock());
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

TEST_F(SqliteGalleryTest, RemovingAFaceLeavesNoByteOfItsVector) {
  const auto gallery = MustOpen();
  ASSERT_TRUE(gallery->Add("A", FaceOf(TellingVector(0)), Image(1), ""));
  const auto face = gallery->Add("A", FaceOf(TellingVector(1)), Image(2), "");
  ASSERT_TRUE(gallery->RemoveFace(face.value()));
  EXPECT_FALSE(HasPartOf(RawBytes(), TellingVector(1)));
  EXPECT_TRUE(HasPartOf(RawBytes(), TellingVector(0)));
}

}  // namespace
}  // namespace ocelli
