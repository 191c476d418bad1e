// What only the gallery in Redis promises; gallery_contract_test.cc has the
// rest, redis_gallery_faults_test.cc what goes wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <thread>

#include "faces/gallery_line.h"
#include "faces/redis_gallery_store.h"
#include "faces/test_redis_gallery.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

TEST_F(RedisGalleryTest, AMessageTellsOthersOfAChange) {
  const auto one = OpenDeaf(), other = Open();
  ASSERT_TRUE(other->Add("A", FaceOf(Direction(0)), Image(1), ""));
  EXPECT_TRUE(SoonNamed(*one, 0, "A"));
  ASSERT_TRUE(other->Remove("A"));
  EXPECT_TRUE(SoonNamed(*one, 0, "-"));
}

TEST_F(RedisGalleryTest, AChangeWhoseMessageWasLostIsFoundByAsking) {
  const auto one = Open({.check_every = milliseconds(20)}), other = OpenMute();
  ASSERT_TRUE(other->Add("A", FaceOf(Direction(0)), Image(1), ""));
  EXPECT_TRUE(SoonNamed(*one, 0, "A"));
}

TEST_F(RedisGalleryTest, IdentifyingAsksNobody) {
  const auto gallery = OpenDeaf();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  const auto commands = [&] {
    const std::string stats = Admin({"INFO", "commandstats"}).text;
    const auto begin = stats.find("cmdstat_evalsha:calls=");
    return stats.substr(begin, stats.find(',', begin) - begin);
  };
  // The message of its own change wakes it once more.
  std::string before = commands();
  EXPECT_TRUE(EventuallyTrue(
      [&] { return std::exchange(before, commands()) == before; }));
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(Names(*gallery, {FaceOf(Direction(0))}), "A");
  }
  const std::string after = commands();
  // Two at most for the wake-up: not two hundred.
  EXPECT_LE(std::stoi(after.substr(after.find('=') + 1)),
            std::stoi(before.substr(before.find('=') + 1)) + 2);
}

TEST_F(RedisGalleryTest, AChangeThatAnotherOvertookIsWorkedOutAgain) {
  MetricsRegistry metrics;
  const auto one = OpenDeaf(&metrics), other = OpenMute();
  // Until it was not by chance told just before.
  int n = 0;
  EXPECT_TRUE(EventuallyTrue([&] {
    ++n;
    const std::string name = std::to_string(n);
    const auto first =
        other->Add("A" + name, FaceOf(TellingVector(n)), Image(n), "");
    const auto second = one->Add("B" + name, FaceOf(TellingVector(1000 + n)),
                                 Image(1000 + n), "");
    EXPECT_GT(second.value(), first.value());
    return !testing::Matches(HasSubstr("gallery_conflicts_total 0"))(
        metrics.Text());
  }));
  for (const auto* gallery : {&one, &other}) {
    EXPECT_EQ((*gallery)->People()->size(), static_cast<std::size_t>(2 * n));
  }

  // By the same rules, with what the other left.
  const auto person =
      other->Add("C", FaceOf(Direction(2)), Image(5000), "").value();
  const auto taken = one->Add("D", FaceOf(Direction(2)), Image(5000), "");
  EXPECT_EQ(taken.error().code, ErrorCode::kAlreadyExists);
  EXPECT_THAT(taken.error().message, HasSubstr("enrolled as \"C\" (face " +
                                               std::to_string(person) + ")"));
  EXPECT_EQ(one->FacesOf("D").error().code, ErrorCode::kNotFound);
}

TEST_F(RedisGalleryTest, WhatIsNotKnownHereYetIsAskedForBeforeItIsRefused) {
  const auto one = OpenDeaf(), other = OpenMute();
  ASSERT_TRUE(other->Add("A", FaceOf(Direction(0)), Image(1), ""));
  EXPECT_TRUE(one->Rename("A", "B"));
  ASSERT_TRUE(other->Add("C", FaceOf(Direction(1)), Image(2), ""));
  EXPECT_EQ(one->FacesOf("C")->size(), 1u);
  ASSERT_TRUE(other->Remove("C"));
  EXPECT_EQ(one->Remove("C").error().code, ErrorCode::kNotFound);
}

TEST_F(RedisGalleryTest, EditorsAtOnceLoseNothingOfEachOther) {
  constexpr int kEditors = 4, kEach = 25;
  std::vector<std::thread> editors;
  std::vector<std::vector<std::int64_t>> ids(kEditors);
  for (int e = 0; e < kEditors; ++e) {
    editors.emplace_back([e, &ids] {
      const auto gallery = Open();
      const std::string name = "P" + std::to_string(e);
      for (int n = 0; n < kEach; ++n) {
        const auto id = gallery->Add(name, FaceOf(TellingVector(n)),
                                     Image(e * 1000 + n), "");
        ASSERT_TRUE(id) << id.error().message;
        ids[static_cast<std::size_t>(e)].push_back(*id);
        // One of five goes again.
        if (n % 5 < 4) continue;
        ASSERT_TRUE(gallery->RemoveFace(*id));
      }
    });
  }
  for (auto& editor : editors) editor.join();
  std::set<std::int64_t> all;
  for (const auto& of_one : ids) all.insert(of_one.begin(), of_one.end());
  EXPECT_EQ(all.size(), static_cast<std::size_t>(kEditors * kEach));
  const auto people = Open()->People().value();
  ASSERT_EQ(people.size(), static_cast<std::size_t>(kEditors));
  for (const auto& person : people) EXPECT_EQ(person.faces, 20u);
}

TEST_F(RedisGalleryTest, AChangeThatIsSentTwiceIsDoneOnce) {
  const RedisGalleryStore store(OpenTestRedis(GalleryTestServer().url()),
                                "default");
  const auto person = [](std::int64_t id, const std::string& name) {
    GalleryWrites writes;
    writes.people[id] = name;
    writes.last_person = id;
    return writes;
  };
  const GalleryState first{1, "first"}, second{2, "second"};
  EXPECT_TRUE(store.Write({}, first, person(1, "A")).value());
  EXPECT_TRUE(store.Write({}, first, person(1, "A")).value());
  EXPECT_TRUE(store.Write(first, second, person(2, "B")).value());
  EXPECT_TRUE(store.Write({}, first, person(1, "A")).value());
  EXPECT_FALSE(store.Write({}, {1, "other"}, person(1, "C")).value());
  const auto now = store.Load().value();
  EXPECT_EQ(now->state, second);
  EXPECT_EQ(now->rows.Summaries({})->size(), 2u);
}

TEST_F(RedisGalleryTest, WhoFellFarBehindReadsEverythingAnew) {
  const auto one = OpenDeaf(), other = OpenMute();
  ASSERT_TRUE(other->Add("A", FaceOf(Direction(0)), Image(1), ""));
  ASSERT_EQ(one->People()->size(), 1u);
  for (int n = 0; n < 1200; ++n) {
    const bool back = n % 2 == 1;
    ASSERT_TRUE(other->Rename(back ? "B" : "A", back ? "A" : "B"));
  }
  ASSERT_TRUE(other->Rename("A", "C"));
  EXPECT_LT(Admin({"XLEN", Key("log")}).integer, 1200);
  EXPECT_EQ(one->People().value()[0].name, "C");
  EXPECT_EQ(Names(*one, {FaceOf(Direction(0))}), "C");
}

// More than one command of Redis takes, and more than the log tells.
TEST_F(RedisGalleryTest, ALargeImportIsOneChange) {
  constexpr int kFaces = 1234;
  std::string file;
  for (int n = 0; n < kFaces; ++n) {
    GalleryLine line;
    line.person = "P" + std::to_string(n / 3);
    line.model = Sha256("sface");
    line.image = Image(n);
    line.box = {1, 2, 3, 4};
    line.descriptor = Direction(static_cast<std::size_t>(n) % 100, 0.1f);
    file += FormatGalleryLine(line) + "\n";
  }
  const auto one = OpenDeaf(), other = OpenMute();
  std::istringstream in(file);
  EXPECT_EQ(other->Import(in).value(), static_cast<std::uint64_t>(kFaces));
  EXPECT_EQ(Admin({"HGET", Key("head"), "version"}).text, "1");
  std::ostringstream out;
  ASSERT_TRUE(one->Export(out));
  EXPECT_EQ(out.str().size(), [&] {
    std::ostringstream same;
    EXPECT_TRUE(other->Export(same));
    return same.str().size();
  }());
  EXPECT_EQ(one->People()->size(), (kFaces + 2) / 3u);
}

TEST_F(RedisGalleryTest, RemovingAPersonLeavesNoByteOfTheirVectors) {
  const auto gallery = Open();
  for (int n = 0; n < 10; ++n) {
    ASSERT_TRUE(gallery->Add(n % 2 == 0 ? "kept" : "gone",
                             FaceOf(TellingVector(n)), Image(n), ""));
  }
  ASSERT_TRUE(gallery->Reject("gone", FaceOf(TellingVector(77)), Image(77)));
  ASSERT_TRUE(HasPartOf(RawBytes(), TellingVector(1)));
  ASSERT_TRUE(HasPartOf(RawBytes(), TellingVector(77)));
  ASSERT_TRUE(gallery->Remove("gone"));
  const std::string after = RawBytes();
  for (int n = 0; n < 10; ++n) {
    EXPECT_EQ(HasPartOf(after, TellingVector(n)), n % 2 == 0);
  }
  EXPECT_FALSE(HasPartOf(after, TellingVector(77)));
  EXPECT_THAT(after, Not(HasSubstr("gone")));
}

TEST_F(RedisGalleryTest, NorOfTheirPicturesWhichNobodyHoldsInMemory) {
  const auto gallery = Open();
  const auto id = gallery->Add("A", FaceOf(TellingVector(1)), Image(1), "",
                               PictureNumber(1));
  ASSERT_TRUE(gallery->Add("B", FaceOf(TellingVector(2)), Image(2), "",
                           PictureNumber(2)));
  // Nothing but the one key has it: neither the row that others load, nor the
  // log.
  EXPECT_EQ(Admin({"HLEN", Key("pictures")}).integer, 2);
  EXPECT_LT(Admin({"HSTRLEN", Key("faces"), "1"}).integer, 1000);
  Admin({"HSET", Key("pictures"), "1", "not what it was"});
  EXPECT_EQ(gallery->PictureOf(*id).error().code, ErrorCode::kDataLoss);
  ASSERT_TRUE(gallery->Remove("B"));
  EXPECT_FALSE(HasPartOf(RawBytes(), PictureNumber(2)));
  ASSERT_TRUE(gallery->Remove("A"));
  EXPECT_EQ(Admin({"EXISTS", Key("pictures")}).integer, 0);
}

TEST_F(RedisGalleryTest, PeopleOfBeforeThereWerePicturesAreKept) {
  ASSERT_TRUE(Open()->Add("A", FaceOf(Direction(0)), Image(1), ""));
  Admin({"HSET", Key("head"), "format", "ocelli 1"});
  const auto gallery = Open();
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0))}), "A");
  ASSERT_TRUE(
      gallery->Add("A", FaceOf(Direction(0)), Image(1), "", PictureNumber(1)));
  EXPECT_EQ(gallery->PictureOf(1).value(), PictureNumber(1));
  // So that a program that would leave them behind does not change it.
  EXPECT_EQ(Admin({"HGET", Key("head"), "format"}).text, "ocelli 2");
}

TEST_F(RedisGalleryTest, GalleriesOfOtherNamesAreApart) {
  const auto one = Open({.name = "staff"}), other = Open({.name = "guests"});
  ASSERT_TRUE(one->Add("A", FaceOf(Direction(0)), Image(1), ""));
  EXPECT_EQ(other->People()->size(), 0u);
  for (const std::string bad : {"", "a b", "a{b", "ä"}) {
    const auto opened = TryOpen(GalleryTestServer().url(), {.name = bad});
    EXPECT_EQ(opened.error().code, ErrorCode::kInvalidArgument) << bad;
    EXPECT_THAT(opened.error().message, HasSubstr("64 letters"));
  }
}

}  // namespace
}  // namespace ocelli
