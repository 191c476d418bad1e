#include "faces/gallery_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "faces/test_gallery.h"

namespace ocelli {
namespace {

FaceRow Row() {
  FaceRow row;
  row.person = 7;
  row.line.model = Sha256("model");
  row.line.image = Image(1);
  row.line.box = {1.5f, -2, 30, 40};
  row.line.descriptor = TellingVector(3);
  row.line.source = "holiday/\xff.jpg";
  row.line.quality = {0.5f, 0.25f, 0.75f, 1};
  row.line.created = 1'700'000'000;
  return row;
}

TEST(FaceRecord, HoldsAWholeFace) {
  for (const bool rejected : {false, true}) {
    FaceRow row = Row();
    row.line.rejected = rejected;
    if (rejected) row.line.descriptor.clear();
    const auto read = ParseFaceRecord(FormatFaceRecord(row));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->person, 7);
    EXPECT_EQ(read->line.rejected, rejected);
    EXPECT_EQ(read->line.model, row.line.model);
    EXPECT_EQ(read->line.image, row.line.image);
    EXPECT_EQ(read->line.box, row.line.box);
    EXPECT_EQ(read->line.descriptor, row.line.descriptor);
    EXPECT_EQ(read->line.source, row.line.source);
    EXPECT_EQ(read->line.quality.frontality, 0.75f);
    EXPECT_EQ(read->line.created, row.line.created);
  }
}

TEST(FaceRecord, SaysWhatIsWrong) {
  const std::string good = FormatFaceRecord(Row());
  const auto error = [](const std::string& bytes) {
    const auto read = ParseFaceRecord(bytes);
    EXPECT_FALSE(read);
    return read ? "" : read.error().message;
  };
  const auto with = [](auto change) {
    FaceRow row = Row();
    change(row);
    return FormatFaceRecord(row);
  };
  using testing::HasSubstr;
  EXPECT_THAT(error(""), HasSubstr("empty"));
  EXPECT_THAT(error("{\"type\":\"face\"}"), HasSubstr("another program"));
  EXPECT_THAT(error(std::string(good).replace(4, 1, "\x02")),
              HasSubstr("of version 2"));
  EXPECT_THAT(error(good + "x"), HasSubstr("too long"));
  EXPECT_THAT(error(good + std::string(40'000, 'x')), HasSubstr("too large"));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(error(with([&](FaceRow& row) { row.line.box.x = nan; })),
              HasSubstr("box"));
  EXPECT_THAT(error(with([&](FaceRow& row) { row.line.quality.size = 2; })),
              HasSubstr("quality"));
  EXPECT_THAT(error(with([&](FaceRow& row) { row.person = 0; })),
              HasSubstr("number"));
  EXPECT_THAT(error(with([&](FaceRow& row) { row.line.descriptor[5] = nan; })),
              HasSubstr("descriptor"));
  EXPECT_THAT(error(with([](FaceRow& row) { row.line.descriptor.clear(); })),
              HasSubstr("descriptor"));
}

TEST(FaceRecord, SurvivesAnyBytes) {
  const std::string good = FormatFaceRecord(Row());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(ParseFaceRecord(good.substr(0, size))) << size;
  }
  std::minstd_rand random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good;
    for (int k = 0; k < 3; ++k) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    if (const auto read = ParseFaceRecord(bytes)) {
      EXPECT_LE(read->line.descriptor.size(), kMaxDescriptorValues);
      EXPECT_GT(read->person, 0);
    }
  }
}

}  // namespace
}  // namespace ocelli
