#include "core/vector_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ocelli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Table {
  std::vector<std::string> first_column;
  std::vector<float> values;
  std::vector<std::string> broken;
  int calls = 0;
};

Table ReadAll(std::string_view text, const VectorCsvOptions& options = {}) {
  Table table;
  const auto csv = VectorCsv::Open(text, options);
  EXPECT_TRUE(csv) << csv.error().message;
  const auto read = csv->Read([&](VectorCsvRows rows) -> Result<> {
    ++table.calls;
    EXPECT_EQ(rows.values.size(), rows.records.size() * csv->dimension());
    for (const CsvRecord& record : rows.records) {
      table.first_column.push_back(record.fields[0].ToString());
    }
    table.values.insert(table.values.end(), rows.values.begin(),
                        rows.values.end());
    for (const Error& error : rows.broken) {
      table.broken.push_back(error.message);
    }
    return {};
  });
  EXPECT_TRUE(read) << read.error().message;
  return table;
}

// Rows of ten values with line ends in them, several megabytes.
std::string LargeCsv(int rows) {
  std::string text = "id,features\n";
  for (int i = 0; i < rows; ++i) {
    text += std::to_string(i) + ",\"[";
    for (int k = 0; k < 10; ++k) text += std::to_string(i) + ".25\n";
    text += "]\"\n";
  }
  return text;
}

TEST(VectorCsv, FindsTheColumnOfVectors) {
  const auto csv = VectorCsv::Open(
      "country,number,features\nChad,7,\"[1.0\n 2.0 3.0]\"\n", {});
  ASSERT_TRUE(csv) << csv.error().message;
  EXPECT_EQ(csv->vector_column(), 2);
  EXPECT_EQ(csv->dimension(), 3);
}

TEST(VectorCsv, ReadsRowsInOrderOnAnyNumberOfThreads) {
  const std::string text = LargeCsv(40'000);
  for (const int threads : {1, 2, 5}) {
    VectorCsvOptions options;
    options.threads = threads;
    const Table table = ReadAll(text, options);
    ASSERT_EQ(table.values.size(), 400'000);
    EXPECT_GT(table.calls, 2);
    for (std::size_t i = 0; i < 40'000; ++i) {
      ASSERT_EQ(table.first_column[i], std::to_string(i));
      ASSERT_EQ(table.values[i * 10 + 9], static_cast<float>(i) + .25f);
    }
  }
}

TEST(VectorCsv, NamesBrokenRowsByLineAndGoesOn) {
  const Table table =
      ReadAll("id,v\na,1 2\nb,1\nc\nd,1 nan\ne,\nf,x y\ng,\"3\n4\"\nh,\"5 6\n");
  EXPECT_THAT(table.first_column, ElementsAre("a", "g"));
  EXPECT_THAT(table.values, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(table.broken,
              ElementsAre("line 3: 1 values in a vector of 2",
                          "line 4: 1 values where the header has 2",
                          "line 5: a value that is not finite",
                          "line 6: no vector", "line 7: not a number: 'x'",
                          "line 10: a quote that is never closed"));
}

TEST(VectorCsv, LinesAreCountedAcrossParts) {
  const std::string text = LargeCsv(40'000) + "x,1\n";
  VectorCsvOptions options;
  options.threads = 3;
  EXPECT_THAT(ReadAll(text, options).broken,
              ElementsAre("line 440002: 1 values in a vector of 10"));
}

TEST(VectorCsv, TakesColumnAndDimensionAsTold) {
  VectorCsvOptions options;
  options.column = "b";
  options.dimension = 3;
  const Table table = ReadAll("a,b\n1 2,3\n1 2,4 5 6\n", options);
  EXPECT_THAT(table.values, ElementsAre(4, 5, 6));
  EXPECT_THAT(table.broken, ElementsAre("line 2: 1 values in a vector of 3"));
}

TEST(VectorCsv, WithoutVectorsIsAnError) {
  const auto message = [](const char* text, const std::string& column) {
    VectorCsvOptions options;
    options.column = column;
    const auto csv = VectorCsv::Open(text, options);
    return csv ? "none" : csv.error().message;
  };
  EXPECT_EQ(message("a,b\n1,2\n", ""),
            "no column holds vectors; there are a, b");
  EXPECT_EQ(message("a,b\n1,x\n", "b"),
            "no row has a vector in the column 'b'");
  EXPECT_EQ(message("a,b\n1 2,x\n", "c"),
            "no column 'c' in the CSV; it has a, b");
  EXPECT_THAT(message("", ""), HasSubstr("no header"));
}

TEST(VectorCsv, EndsWithTheErrorOfEmit) {
  const std::string text = LargeCsv(40'000);
  const auto csv = VectorCsv::Open(text, {});
  int calls = 0;
  const auto read = csv->Read([&](VectorCsvRows) -> Result<> {
    ++calls;
    return Fail(ErrorCode::kResourceExhausted, "full");
  });
  EXPECT_EQ(read.error().message, "full");
  EXPECT_EQ(calls, 1);
}

TEST(VectorCsv, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  VectorCsvOptions options;
  options.stop = stop.get_token();
  const auto csv = VectorCsv::Open("a,b\n1,2 3\n", options);
  const auto read = csv->Read([](VectorCsvRows) -> Result<> { return {}; });
  EXPECT_EQ(read.error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace ocelli
