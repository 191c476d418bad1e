#include "faces/gallery_rows.h"

#include <gtest/gtest.h>

#include <random>
#include <sstream>

#include "faces/gallery_rules.h"
#include "faces/test_gallery.h"

namespace ocelli {
namespace {

const Digest kOld = Sha256("old"), kNew = Sha256("new");

std::string Contents(const GalleryRows& rows) {
  std::ostringstream text;
  const auto read = rows.AllFaces([&](const FaceRow& row) -> Result<> {
    const GalleryLine& line = row.line;
    text << row.id << ' ' << row.person << ' ' << line.person << ' '
         << line.rejected << ' ' << line.image.ToHex().substr(0, 8) << ' '
         << line.model.ToHex().substr(0, 4) << '\n';
    return {};
  });
  EXPECT_TRUE(read);
  const auto people = rows.Summaries(kNew);
  for (const PersonSummary& person : people.value()) {
    text << person.name << ' ' << rows.PersonCalled(person.name).value() << ' '
         << person.faces << ' ' << person.other_model << ' ' << person.rejected
         << '\n';
  }
  text << rows.DimensionOf(kOld).value() << ' '
       << rows.DimensionOf(kNew).value();
  return text.str();
}

// Any change of a small world, some of which can't be made.
std::function<Result<>(GalleryTable&)> RandomChange(std::minstd_rand& random) {
  const auto name = [&] { return std::string(1, "ABCDE"[random() % 5]); };
  GalleryLine line;
  line.person = name();
  line.image = Image(static_cast<int>(random() % 6));
  line.box = {10, 20, 100, 120};
  line.model = random() % 3 == 0 ? kOld : kNew;
  line.descriptor = Direction(random() % 50);
  const auto other = name();
  const auto face = static_cast<std::int64_t>(random() % 40);
  const auto done = [](const auto& result) -> Result<> {
    if (!result) return result.Failure();
    return {};
  };
  switch (random() % 8) {
    case 0:
      return [=](GalleryTable& table) {
        return RenamePerson(table, line.person, other);
      };
    case 1:
      return [=](GalleryTable& table) {
        return MergePeople(table, line.person, other);
      };
    case 2:
      return
          [=](GalleryTable& table) { return RemovePerson(table, line.person); };
    case 3:
      return [=](GalleryTable& table) { return RemoveFace(table, face); };
    case 4:
      return [=](GalleryTable& table) {
        GalleryLine no = line;
        no.rejected = true;
        return done(RejectFace(table, no, kNew));
      };
    case 5:
      return [=](GalleryTable& table) {
        GalleryLine second = line;
        second.person = other;
        second.image = Image(77);
        return done(ImportFaces(table, {{1, second}, {2, line}}, kNew));
      };
    default:
      return [=](GalleryTable& table) {
        return done(EnrolFace(table, line, kNew));
      };
  }
}

TEST(GalleryRows, APlanChangesNothingAndSaysWhatTheChangeWouldDo) {
  std::minstd_rand random(7);
  GalleryRows planned, changed;
  int made = 0, refused = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto change = RandomChange(random);
    const std::string before = Contents(planned);
    auto writes = planned.Plan(change);
    ASSERT_EQ(Contents(planned), before) << i;
    if (!writes) {
      ++refused;
      continue;
    }
    ++made;
    ASSERT_TRUE(planned.Apply(*std::move(writes)).empty());
    ASSERT_TRUE(change(changed));
    ASSERT_EQ(Contents(planned), Contents(changed)) << i;
  }
  EXPECT_GT(made, 500);
  EXPECT_GT(refused, 500);
}

TEST(GalleryRows, SeveralChangesMayComeAsOne) {
  std::minstd_rand random(8);
  GalleryRows source, copy;
  for (int i = 0; i < 300; ++i) {
    // What a reader who was away for ten changes finds.
    GalleryWrites news;
    for (int n = 0; n < 10; ++n) {
      auto writes = source.Plan(RandomChange(random));
      if (!writes) continue;
      news.last_face = writes->last_face;
      news.last_person = writes->last_person;
      for (const auto& [id, row] : writes->faces) news.faces[id] = row;
      for (const auto& [id, name] : writes->people) news.people[id] = name;
      source.Apply(*std::move(writes));
    }
    EXPECT_TRUE(copy.Apply(std::move(news)).empty());
    ASSERT_EQ(Contents(copy), Contents(source)) << i;
  }
}

TEST(GalleryRows, FacesOfNobodyAreLeftOut) {
  GalleryRows rows;
  GalleryWrites writes;
  writes.people[1] = "A";
  writes.faces[1] = FaceRow{1, 1, {}};
  writes.faces[2] = FaceRow{2, 9, {}};
  EXPECT_EQ(rows.Apply(writes), std::vector<std::int64_t>{2});
  writes = {};
  writes.people[1] = std::nullopt;
  EXPECT_TRUE(rows.Apply(writes).empty());
  EXPECT_EQ(rows.PersonOfFace(1).value(), 0);
  // Neither number is given again.
  EXPECT_EQ(rows.AddPerson("B").value(), 2);
  EXPECT_EQ(rows.AddFace(2, {}).value(), 3);
}

}  // namespace
}  // namespace ocelli
