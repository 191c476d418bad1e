#include "core/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ocelli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Each record as "LINE:a|b", each broken one as its message.
std::vector<std::string> ReadAll(std::string_view text,
                                 const CsvLimits& limits = {}) {
  auto reader = CsvReader::Open(text, limits);
  if (!reader) return {reader.error().message};
  std::vector<std::string> lines;
  while (const auto record = reader->Next()) {
    if (!*record) {
      EXPECT_EQ(record->error().code, ErrorCode::kInvalidArgument);
      lines.push_back(record->error().message);
      continue;
    }
    std::string line = std::to_string((*record)->line) + ":";
    for (std::size_t i = 0; i < (*record)->fields.size(); ++i) {
      line += (i > 0 ? "|" : "") + (*record)->fields[i].ToString();
    }
    lines.push_back(line);
  }
  return lines;
}

TEST(CsvReader, ReadsRecordsWithTheLinesTheyBeginIn) {
  EXPECT_THAT(ReadAll("a,b\n1,2\n,\n3,4"),
              ElementsAre("2:1|2", "3:|", "4:3|4"));
}

TEST(CsvReader, ReadsQuotedValues) {
  EXPECT_THAT(ReadAll("a,b\n\"x, y\",\"say \"\"hi\"\"\"\n\"\",\"\"\"\"\n"),
              ElementsAre("2:x, y|say \"hi\"", "3:|\""));
}

TEST(CsvReader, AValueMayHaveSeveralLines) {
  EXPECT_THAT(ReadAll("a,b\n\"1\n2\r\n3\",x\r\ny,z\r\n"),
              ElementsAre("2:1\n2\r\n3|x", "5:y|z"));
}

TEST(CsvReader, SkipsByteOrderMarkAndEmptyLines) {
  const auto reader = CsvReader::Open("\xEF\xBB\xBF\r\n\na,b\n").value();
  EXPECT_THAT(reader.header(), ElementsAre("a", "b"));
  EXPECT_THAT(ReadAll("\na,b\r\n\r\n\n1,2\r\n\n"), ElementsAre("5:1|2"));
}

TEST(CsvReader, DetectsTheSeparatorFromTheHeader) {
  EXPECT_EQ(CsvReader::Open("a;b,c;d\n")->separator(), ';');
  EXPECT_EQ(CsvReader::Open("a\tb\n;;;;\n")->separator(), '\t');
  EXPECT_EQ(CsvReader::Open("\"x;y;z\",b\n")->separator(), ',');
  EXPECT_EQ(CsvReader::Open("alone\n")->separator(), ',');
  EXPECT_THAT(ReadAll("a;b\n1,5;\"2;5\"\n"), ElementsAre("2:1,5|2;5"));
}

TEST(CsvReader, AQuoteInsideAPlainValueStandsForItself) {
  EXPECT_THAT(ReadAll("a,b\n5\" disk,it's \"so\"\n"),
              ElementsAre("2:5\" disk|it's \"so\""));
}

TEST(CsvReader, FindsColumnsByName) {
  const auto reader = CsvReader::Open("id,name,name\n").value();
  EXPECT_EQ(reader.Column("name"), 1);
  EXPECT_FALSE(reader.Column("Name"));
  EXPECT_EQ(reader.ColumnNames(), "id, name, name");
}

TEST(CsvReader, NamesBrokenRecordsAndGoesOn) {
  EXPECT_THAT(ReadAll("a,b\n1\n1,2,3\nx,y\n"),
              ElementsAre("line 2: 1 values where the header has 2",
                          "line 3: 3 values where the header has 2", "4:x|y"));
  EXPECT_THAT(
      ReadAll("a,b\n\"x\ny\" z,1\n\"1\",2\n"),
      ElementsAre("line 2: text after a closing quote", "3:y\" z|1", "4:1|2"));
  EXPECT_THAT(ReadAll("a,b\n1,\"2\n3,4\n"),
              ElementsAre("line 2: a quote that is never closed", "3:3|4"));
}

TEST(CsvReader, RefusesNulBytes) {
  EXPECT_THAT(ReadAll(std::string_view("a,b\nx\0,y\n1,2\n", 13)),
              ElementsAre("line 2: a NUL byte: this is not text", "3:1|2"));
}

TEST(CsvReader, HoldsItsLimits) {
  CsvLimits limits;
  limits.max_field_bytes = 4;
  EXPECT_THAT(ReadAll("a,b\n12345,1\n\"12345\",1\n\"1234\",1234\n", limits),
              ElementsAre(HasSubstr("line 2: a value of more than 4 bytes"),
                          HasSubstr("line 3: a quote that is never closed"),
                          "4:1234|1234"));
  limits = {};
  limits.max_fields = 2;
  EXPECT_THAT(ReadAll("a,b\n1,2,3,4\n5,6\n", limits),
              ElementsAre("line 2: more than 2 values", "3:5|6"));
  EXPECT_THAT(ReadAll("a,b,c\n", limits),
              ElementsAre(HasSubstr("header of the CSV: line 1: more than 2")));
}

TEST(CsvReader, AMissingOrBrokenHeaderIsAnError) {
  for (const char* text : {"", "\n\r\n", "\xEF\xBB\xBF", "\"a,b\n1,2\n"}) {
    EXPECT_FALSE(CsvReader::Open(text)) << text;
  }
}

TEST(CsvReader, APartIsReadAsTheWholeIs) {
  auto reader = CsvReader::Open("a,b\n1,2\n3,4\n5,6\n").value();
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.rest(), "3,4\n5,6\n");
  CsvReader part = reader.Part(4);
  EXPECT_EQ((**part.Next()).line, 3);
  EXPECT_FALSE(part.Next());
}

// Whatever comes, reading ends and each byte belongs to one record at most.
TEST(CsvReader, EndsOnAnyText) {
  std::uint32_t seed = 7;
  for (int round = 0; round < 2000; ++round) {
    std::string text = "a,b\n";
    for (int i = 0; i < 30; ++i) {
      seed = seed * 1664525 + 1013904223;
      text += "\",\n\ra"[(seed >> 16) % 5];
    }
    auto reader = CsvReader::Open(text).value();
    std::size_t left = reader.rest().size();
    while (reader.Next()) {
      ASSERT_LT(reader.rest().size(), left) << text;
      left = reader.rest().size();
    }
    EXPECT_EQ(reader.rest(), "") << text;
  }
}

TEST(AppendCsvRecord, QuotesWhereNeededOnly) {
  std::string out;
  AppendCsvRecord(std::vector<std::string>{"a b", "x,y", "\"", "1\n2", ""},
                  out);
  EXPECT_EQ(out, "a b,\"x,y\",\"\"\"\",\"1\n2\",\n");
  out.clear();
  AppendCsvRecord(std::vector<std::string>{""}, out);
  EXPECT_EQ(out, "\"\"\n");
}

TEST(AppendCsvRecord, IsReadBackAsItWas) {
  const std::vector<std::string> fields = {"\"", ",\"\n", "\r", "Côte d'Ivoire",
                                           "[1.0\n 2.0]"};
  std::string text;
  AppendCsvRecord(std::vector<std::string>(fields.size(), "x"), text);
  AppendCsvRecord(fields, text);
  auto reader = CsvReader::Open(text).value();
  const auto record = reader.Next();
  ASSERT_TRUE(record && *record);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    EXPECT_EQ((*record)->fields[i].ToString(), fields[i]);
  }
}

}  // namespace
}  // namespace ocelli
