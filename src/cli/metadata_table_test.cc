#include "cli/metadata_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_folder.h"

namespace ocelli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

class MetadataTableTest : public testing::Test {
 protected:
  MetadataTable Read(const std::string& csv) {
    WriteTestFile(folder_.path() / "t.csv", csv);
    auto table = MetadataTable::Read(folder_.path() / "t.csv", broken_);
    EXPECT_TRUE(table) << table.error().message;
    return std::move(*table);
  }

  const TestFolder folder_;
  std::vector<Error> broken_;
};

TEST_F(MetadataTableTest, MatchesByTheFileColumnAndNamesById) {
  MetadataTable table =
      Read("id,name,file\ntd,Chad,images/Chad.png\nro,Romania,ro.png\n");
  const auto* chad = table.Use("/flags/Chad.png");
  ASSERT_TRUE(chad);
  EXPECT_EQ(chad->id, "td");
  EXPECT_THAT(chad->metadata, ElementsAre(Pair("name", "Chad")));
  EXPECT_FALSE(table.Use("/flags/td.png"));
  ASSERT_EQ(table.Unused().size(), 1u);
  EXPECT_EQ(table.Unused()[0]->id, "ro");
}

TEST_F(MetadataTableTest, MatchesAddressesByTheirLastPart) {
  MetadataTable table = Read(
      "country,url,features\nChad,https://a.org/b/Chad.svg?x=1#f,\"[1\n2]\"\n");
  const auto* chad = table.Use("Chad.svg");
  ASSERT_TRUE(chad);
  EXPECT_THAT(chad->metadata, ElementsAre(Pair("country", "Chad")));
  EXPECT_THAT(table.Unused(), IsEmpty());
}

TEST_F(MetadataTableTest, WithoutAFileColumnTheNameCounts) {
  EXPECT_TRUE(Read("id;region\ntd;Africa\n").Use("x/td.png"));
  EXPECT_TRUE(Read("code;region\ntd;Africa\n").Use("x/td.jpeg"));
  EXPECT_FALSE(Read("code;region\ntd;Africa\n").Use("x/ro.jpeg"));
}

TEST_F(MetadataTableTest, BrokenRowsAreNamedByLineAndTheOthersStay) {
  MetadataTable table =
      Read("id,region\ntd,Africa\nro\ntd,Twice\n,Nobody\nau,Oceania\n");
  ASSERT_EQ(broken_.size(), 3u);
  EXPECT_THAT(broken_[0].message, HasSubstr("line 3"));
  EXPECT_THAT(broken_[1].message, HasSubstr("line 4 names td like line 2"));
  EXPECT_THAT(broken_[2].message, HasSubstr("line 5 names no picture"));
  EXPECT_THAT(table.Use("td.png")->metadata,
              ElementsAre(Pair("region", "Africa")));
  EXPECT_TRUE(table.Use("au.png"));
}

}  // namespace
}  // namespace ocelli
