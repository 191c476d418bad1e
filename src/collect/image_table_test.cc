#include "collect/image_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ocelli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<ImageTable> Find(const std::string& html,
                        const ColumnChoice& choice = {}) {
  const auto page = HtmlPage::Parse(html, {});
  EXPECT_TRUE(page) << page.error().message;
  return FindImageTable(
      *page, ParseUrl("https://en.example.org/wiki/List").value(), choice);
}

// Each row as "NAME URL value|value".
std::vector<std::string> RowsOf(const Result<ImageTable>& table) {
  if (!table) return {table.error().message};
  std::vector<std::string> rows;
  for (const ImageRow& row : table->rows) {
    std::string text = row.name + " " + row.url.ToString() + " ";
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      text += (i > 0 ? "|" : "") + row.values[i];
    }
    rows.push_back(text);
  }
  return rows;
}

// As an encyclopedia lists flags.
constexpr const char* kFlags = R"(<!DOCTYPE html><html><body>
<table class="infobox"><tr><td><img src="/logo.png">Logo</td></tr></table>
<table class="wikitable sortable"><caption>Flags</caption>
<thead><tr><th>Flag</th><th>State</th><th>Adopted</th></tr></thead>
<tbody>
<tr><td><a href="/wiki/File:Chad.svg"><img alt="Flag of Chad" width="120"
  src="//upload.example.org/120px-Chad.svg.png"
  srcset="//upload.example.org/180px-Chad.svg.png 1.5x,
          //upload.example.org/240px-Chad.svg.png 2x"></a></td>
<th scope="row"><a href="/wiki/Chad">Chad</a><sup class="reference">[1]</sup>
</th><td>6 November 1959</td></tr>
<tr><td><img src="data:image/gif;base64,AAAA" data-src="../img/Côte d'Ivoire.png">
</td><th scope="row">C&ocirc;te d&#39;Ivoire</th><td>3 December&nbsp;1959</td></tr>
<tr><td colspan="3">Others</td></tr>
<tr><td>none</td><th scope="row">Nowhere</th><td></td></tr>
</tbody></table></body></html>)";

TEST(FindImageTable, TakesTheTableWithTheMostNamedPictures) {
  const auto table = Find(kFlags);
  EXPECT_THAT(RowsOf(table),
              ElementsAre("Chad https://upload.example.org/240px-Chad.svg.png "
                          "6 November 1959",
                          "Côte d'Ivoire "
                          "https://en.example.org/img/C%C3%B4te%20d'Ivoire.png "
                          "3 December 1959"));
  EXPECT_THAT(table->columns, ElementsAre("Adopted"));
  ASSERT_EQ(table->skipped.size(), 1);
  EXPECT_EQ(table->skipped[0].message, "row 3 (Nowhere): no picture");
  EXPECT_EQ(table->rows[1].label, "row 2 (Côte d'Ivoire)");
}

TEST(FindImageTable, WithoutPicturesIsAnError) {
  for (const char* html : {"", "<p>nothing</p>", "<img src=a.png>",
                           "<table><tr><td>text</td></tr></table>",
                           "<ul class=gallery><li><img src=a.png>A</ul>"}) {
    const auto table = Find(html);
    ASSERT_FALSE(table) << html;
    EXPECT_EQ(table.error().code, ErrorCode::kNotFound);
    EXPECT_THAT(table.error().message,
                HasSubstr("no table with images in https://en.example.org"));
  }
}

TEST(FindImageTable, NamesComeFromCaptionsAndDescriptionsToo) {
  EXPECT_THAT(RowsOf(Find("<table><tr><td><img src=/a.png>Chad"
                          "<tr><td><img src=/b.png>Mali</table>")),
              ElementsAre("Chad https://en.example.org/a.png ",
                          "Mali https://en.example.org/b.png "));
  EXPECT_THAT(RowsOf(Find("<table><tr><td>1<td><img src=/a.png alt='Chad'>"
                          "<tr><td>2<td><img src=/b.png alt=Mali></table>")),
              ElementsAre("Chad https://en.example.org/a.png 1",
                          "Mali https://en.example.org/b.png 2"));
}

TEST(FindImageTable, TheWordsBesideThePictureComeBeforeLaterColumns) {
  EXPECT_THAT(
      RowsOf(Find("<table><tr><th>State<th>Capital"
                  "<tr><td><img src=/a.png> <a>Chad</a><td>N'Djamena"
                  "<tr><td><img src=/b.png> <a>Mali</a><td>Bamako</table>")),
      ElementsAre("Chad https://en.example.org/a.png N'Djamena",
                  "Mali https://en.example.org/b.png Bamako"));
}

TEST(FindImageTable, NamesAreInTheFirstColumnOfDifferentWords) {
  EXPECT_THAT(
      RowsOf(Find("<table><tr><td>1<td>Africa<td>Chad<td><img src=/a.png>"
                  "<td>N'Djamena<tr><td>2<td>Africa<td>Mali<td>"
                  "<img src=/b.png><td>Bamako</table>")),
      ElementsAre("Chad https://en.example.org/a.png 1|Africa|N'Djamena",
                  "Mali https://en.example.org/b.png 2|Africa|Bamako"));
}

TEST(FindImageTable, TakesColumnsAsTold) {
  const std::string html =
      "<table><tr><th>Flag<th>State<th>Arms<th>Motto"
      "<tr><td><img src=/f.png><td>Chad<td><img src=/a.png><td>Unity</table>";
  EXPECT_THAT(RowsOf(Find(html, {"Arms", "Motto"})),
              ElementsAre("Unity https://en.example.org/a.png |Chad"));
  EXPECT_THAT(RowsOf(Find(html, {"Seal", ""})),
              ElementsAre(HasSubstr(
                  "no column 'Seal' among Flag, State, Arms, Motto")));
}

TEST(FindImageTable, CellsSpanRowsAndColumns) {
  const auto table = Find(
      "<table><tr><th rowspan=2>State<th colspan=2>Flag<tr><th>Now<th>Use"
      "<tr><td rowspan=2>Chad<td><img src=/a.png><td>land"
      "<tr><td><img src=/b.png><td>sea</table>",
      {"", "State"});
  EXPECT_THAT(table->columns, ElementsAre("Use"));
  EXPECT_THAT(RowsOf(table),
              ElementsAre("Chad https://en.example.org/a.png land",
                          "Chad https://en.example.org/b.png sea"));
}

TEST(FindImageTable, TablesInTablesAreTheirOwn) {
  EXPECT_THAT(RowsOf(Find("<table><tr><td>Menu<td><img src=/menu.png>"
                          "<table><tr><td>Chad<td><img src=/a.png>"
                          "<tr><td>Mali<td><img src=/b.png></table>"
                          "</table>")),
              ElementsAre("Chad https://en.example.org/a.png ",
                          "Mali https://en.example.org/b.png "));
}

TEST(FindImageTable, MarksAndSpacersAreNoPictures) {
  EXPECT_THAT(RowsOf(Find("<table><tr><td>Chad<td>"
                          "<img src=/sort.png width=10 height=10>"
                          "<img src=/spacer.gif data-original=/a.png>"
                          "</table>")),
              ElementsAre("Chad https://en.example.org/a.png "));
}

TEST(FindImageTable, TakesTheLargestOfASet) {
  const auto source = [](const std::string& set) {
    const auto table = Find("<table><tr><td>x<td><img src=/s.png srcset='" +
                            set + "'></table>");
    return table->rows.at(0).url.target;
  };
  EXPECT_EQ(source("/a.png 320w, /b.png 640w"), "/b.png");
  EXPECT_EQ(source("/a,1.png 2x,/b.png 1x"), "/a,1.png");
  EXPECT_EQ(source("/a.png, /b.png 2x"), "/b.png");
  EXPECT_EQ(source("/a.png"), "/a.png");
  EXPECT_EQ(source(" , ,"), "/s.png");
  EXPECT_EQ(source("data:image/png;base64,AA 9x"), "/s.png");
}

TEST(FindImageTable, AddressesFollowTheBase) {
  EXPECT_THAT(RowsOf(Find("<base href='//cdn.example.org/x/'><table><tr>"
                          "<td>Chad<td><img src=a.png></table>")),
              ElementsAre("Chad https://cdn.example.org/x/a.png "));
}

TEST(FindImageTable, ReportsAddressesOfOtherKinds) {
  const auto table = Find(
      "<table><tr><td>Chad<td><img src='ftp://a.org/a.png'>"
      "<tr><td>Mali<td><img src=/b.png></table>");
  EXPECT_EQ(table->rows.size(), 1);
  EXPECT_THAT(table->skipped.at(0).message, HasSubstr("row 1 (Chad): "));
}

TEST(FindImageTable, HoldsOutAgainstHugeSpans) {
  std::string html = "<table>";
  for (int i = 0; i < 300; ++i) {
    html += "<tr><td colspan=99999999999 rowspan=65534>x<td><img src=/a.png>";
  }
  EXPECT_TRUE(
      Find(html + "<tr><td rowspan=-1 colspan=0>y<td><img src=/a.png>"));
}

TEST(FindImageTable, ColumnsOfTheSameNameAreNumbered) {
  const auto table = Find(
      "<table><tr><th>Flag<th>State<th>Date<th>Date<th><th>Name"
      "<tr><td><img src=/a.png><td>Chad<td>1<td>2<td>3<td>4</table>");
  EXPECT_THAT(table->columns,
              ElementsAre("Date", "Date 2", "column 5", "Name 2"));
}

TEST(ReadImageTable, FindsTheColumns) {
  const auto table = ReadImageTable(
      "country,image,features\n"
      "Chad,https://a.org/Chad.png,\"[0.1 0.2\n 0.3]\"\n"
      "Côte d'Ivoire,//a.org/Côte d'Ivoire.png,\"[0.4]\"\n",
      {});
  EXPECT_THAT(RowsOf(table),
              ElementsAre("Chad https://a.org/Chad.png [0.1 0.2\n 0.3]",
                          "Côte d'Ivoire "
                          "https://a.org/C%C3%B4te%20d'Ivoire.png [0.4]"));
  EXPECT_THAT(table->columns, ElementsAre("features"));
}

TEST(ReadImageTable, NamesBrokenRowsByLine) {
  const auto table = ReadImageTable(
      "url,name\nhttps://a.org/a.png,A\nhttps://a.org/b.png\n"
      "/etc/passwd,C\nhttps://user@a.org/d.png,D\n,E\n",
      {});
  ASSERT_EQ(table->rows.size(), 1);
  std::vector<std::string> skipped;
  for (const Error& error : table->skipped) skipped.push_back(error.message);
  EXPECT_THAT(skipped, ElementsAre("line 3: 1 values where the header has 2",
                                   "line 4 (C): no address of an image",
                                   "line 5 (D): no address of an image",
                                   "line 6 (E): no address of an image"));
}

TEST(ReadImageTable, WithoutAddressesIsAnError) {
  EXPECT_EQ(ReadImageTable("a,b\n1,2\n", {}).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(ReadImageTable("", {}).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace ocelli
