#include "collect/collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "core/check.h"
#include "core/digest.h"
#include "core/file.h"
#include "net/test_http_server.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kSvg =
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 3 2'>"
    "<path d='M0 0h3v2h-3z' fill='#00f'/></svg>";

std::string PathOf(const std::string& request) {
  const std::size_t begin = request.find(' ') + 1;
  return request.substr(begin, request.find(' ', begin) - begin);
}

// A web site: what is not in `answers` is the page, or a picture.
class CollectorTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "ocelli-XXXXXX").string();
    OCELLI_CHECK(mkdtemp(name.data()));
    folder_ = fs::path(name) / "flags";
  }
  void TearDown() override { fs::remove_all(folder_.parent_path()); }

  TestHttpServer::Reply Answer(const std::string& request) {
    const std::string path = PathOf(request);
    if (!stop_at_.empty() && path == stop_at_) {
      stop_.request_stop();
      return {"", true};
    }
    const auto found = answers_.find(path);
    if (found != answers_.end()) return found->second;
    return {TestHttpServer::Ok(path == "/page" ? page_ : kSvg)};
  }

  CollectOptions Options() {
    CollectOptions options;
    options.download.allow_private = true;
    options.download.host_delay = std::chrono::milliseconds(0);
    options.download.wait = [](std::chrono::milliseconds,
                               const std::stop_token&) {};
    options.download.stop = stop_.get_token();
    options.max_image_bytes = 100'000;
    options.parallel = 1;
    return options;
  }

  Result<CollectReport> Run(const CollectOptions& options) {
    failures_.clear();
    Downloader downloader(options.download);
    const auto table =
        LoadImageTable(server_.Address("/page"), downloader, options);
    if (!table) return table.Failure();
    CollectEvents events;
    events.failure = [&](const Error& error) {
      failures_.push_back(error.message);
    };
    return Collect(*table, folder_, downloader, options, events);
  }

  std::string Csv() const {
    const auto bytes = ReadFileLimited(folder_ / "flags.csv", 1 << 20);
    if (!bytes) return bytes.error().message;
    return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
  }

  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_ / "images")) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  std::string page_ =
      "<table><tr><th>Flag<th>State<th>Region"
      "<tr><td><img src=/td.svg><td>Chad<td>Africa"
      "<tr><td><img src=/ci.svg><td>C&ocirc;te d'Ivoire<td>Africa"
      "<tr><td><img src='/c d.svg'><td>a/b, \"c\"<td>None</table>";
  std::map<std::string, TestHttpServer::Reply> answers_;
  std::string stop_at_;
  std::stop_source stop_;
  TestHttpServer server_{
      [this](const std::string& request) { return Answer(request); }};
  fs::path folder_;
  std::vector<std::string> failures_;
};

TEST_F(CollectorTest, WritesPicturesAndTheirTable) {
  const auto report = Run(Options());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->rows, 3);
  EXPECT_EQ(report->collected, 3);
  EXPECT_EQ(report->fetched, 3);
  EXPECT_FALSE(report->stopped);
  EXPECT_THAT(Files(),
              ElementsAre("Chad.svg", "Côte d'Ivoire.svg", "a-b, -c-.svg"));
  const std::string at = server_.Address("");
  EXPECT_EQ(Csv(),
            "id,name,file,url,Region\n"
            "Chad,Chad,images/Chad.svg," +
                at +
                "/td.svg,Africa\n"
                "Côte d'Ivoire,Côte d'Ivoire,images/Côte d'Ivoire.svg," +
                at +
                "/ci.svg,Africa\n"
                "\"a-b, -c-\",\"a/b, \"\"c\"\"\",\"images/a-b, -c-.svg\"," +
                at + "/c%20d.svg,None\n");
}

TEST_F(CollectorTest, ASecondRunFetchesWhatIsMissingOnly) {
  answers_["/ci.svg"] = {TestHttpServer::Status("404 Not Found", "")};
  ASSERT_TRUE(Run(Options()));
  EXPECT_THAT(failures_, ElementsAre(HasSubstr("row 2 (Côte d'Ivoire): ")));
  EXPECT_THAT(Csv(), testing::Not(HasSubstr("Ivoire")));
  answers_.clear();
  std::ofstream(folder_ / "images" / "Chad.svg") << "damaged";
  const std::size_t before = server_.requests().size();
  const auto report = Run(Options());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->collected, 3);
  EXPECT_EQ(report->fetched, 2);
  EXPECT_EQ(server_.requests().size() - before, 3);  // With the page.
  EXPECT_THAT(Csv(), HasSubstr("Ivoire"));
}

TEST_F(CollectorTest, ADamagedJournalCostsNoMoreThanItsLines) {
  ASSERT_TRUE(Run(Options()));
  std::ofstream(folder_ / ".collected.csv", std::ios::app) << "x,\"y";
  EXPECT_EQ(Run(Options())->fetched, 0);
  fs::remove(folder_ / "images" / "Chad.svg");
  EXPECT_EQ(Run(Options())->fetched, 1);
  EXPECT_EQ(Run(Options())->fetched, 0);
  std::ofstream(folder_ / ".collected.csv") << std::string("\0\"", 2);
  EXPECT_EQ(Run(Options())->fetched, 3);
  EXPECT_EQ(Run(Options())->fetched, 0);
}

TEST_F(CollectorTest, AJournalLeadsNowhereElse) {
  ASSERT_TRUE(Run(Options()));
  const fs::path outside = folder_.parent_path() / "outside.svg";
  std::ofstream(outside) << kSvg;
  std::ofstream(folder_ / ".collected.csv")
      << "id,url,file,sha256\nChad," << server_.Address("/td.svg")
      << ",../../outside.svg," << Sha256(std::string_view(kSvg)).ToHex()
      << "\n";
  EXPECT_EQ(Run(Options())->fetched, 3);
}

TEST_F(CollectorTest, OneBadAnswerCostsItsRow) {
  const std::string cut = std::string(kSvg).substr(0, 60);
  const std::pair<TestHttpServer::Reply, const char*> kAnswers[] = {
      {{TestHttpServer::Status("404 Not Found", "")}, "answers 404"},
      {{TestHttpServer::Status("429 Slow", "", "Retry-After: 999\r\n")},
       "again in 999 s"},
      {{"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + cut}, "ci.svg"},
      {{"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n" + std::string(kSvg)},
       "truncated or damaged SVG"},
      {{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", true},
       "nothing came for 200 ms"},
      {{"HTTP/1.1 200 OK\r\n\r\nx", false, true}, "more than the 100000"},
      {{TestHttpServer::Ok("<html>sorry</html>")}, "not an image"},
      {{TestHttpServer::Status("302 Found", "",
                               "Location: file:///etc/passwd\r\n")},
       "neither http nor https"},
      {{""}, "ci.svg"}};
  for (const auto& [answer, message] : kAnswers) {
    fs::remove_all(folder_);
    answers_["/ci.svg"] = answer;
    auto options = Options();
    if (answer.keep_open) {
      options.download.stall_timeout = std::chrono::milliseconds(200);
    }
    const auto report = Run(options);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->collected, 2);
    EXPECT_EQ(report->failed, 1);
    EXPECT_THAT(failures_,
                ElementsAre(testing::AllOf(HasSubstr("row 2 (Côte d'Ivoire): "),
                                           HasSubstr(message))));
    EXPECT_THAT(Files(), ElementsAre("Chad.svg", "a-b, -c-.svg"));
  }
}

TEST_F(CollectorTest, StoppingKeepsWhatIsThere) {
  stop_at_ = "/ci.svg";
  const auto report = Run(Options());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->stopped);
  EXPECT_EQ(report->collected, 1);
  EXPECT_THAT(failures_, ElementsAre());
  EXPECT_THAT(Files(), ElementsAre("Chad.svg"));
  EXPECT_THAT(Csv(), HasSubstr("Chad"));
  stop_at_.clear();
  stop_ = {};
  EXPECT_EQ(Run(Options())->fetched, 2);
}

TEST_F(CollectorTest, HoldsTheLimitOfRows) {
  auto options = Options();
  options.limit = 1;
  EXPECT_EQ(Run(options)->collected, 1);
  EXPECT_THAT(Files(), ElementsAre("Chad.svg"));
}

TEST_F(CollectorTest, GivesTheSameOnSeveralThreads) {
  page_ = "<table>";
  for (int i = 0; i < 40; ++i) {
    const std::string n = std::to_string(i);
    page_ += "<tr><td><img src=/" + n + ".svg><td>Flag " + n;
  }
  auto options = Options();
  options.parallel = 8;
  options.download.per_host = 8;
  EXPECT_EQ(Run(options)->fetched, 40);
  EXPECT_THAT(failures_, ElementsAre());
  EXPECT_EQ(server_.requests().size(), 41);
  const std::string first = Csv();
  EXPECT_EQ(Run(Options())->fetched, 0);
  EXPECT_EQ(Csv(), first);
}

TEST_F(CollectorTest, PagesThatAreNoUseAreErrors) {
  page_ = "<p>no table";
  EXPECT_THAT(Run(Options()).error().message,
              HasSubstr("no table with images in http://127.0.0.1"));
  page_.clear();
  for (int i = 0; i < 10'000; ++i) page_ += "<div>";
  EXPECT_FALSE(Run(Options()));
  page_ = std::string(2000, 'x');
  auto options = Options();
  options.max_page_bytes = 1000;
  EXPECT_EQ(Run(options).error().code, ErrorCode::kResourceExhausted);
  EXPECT_FALSE(fs::exists(folder_));
}

TEST_F(CollectorTest, PrivateAddressesAreRefused) {
  auto options = Options();
  options.download.allow_private = false;
  EXPECT_EQ(Run(options).error().code, ErrorCode::kPermissionDenied);
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(CollectorTest, ReadsTheTableFromACsv) {
  answers_["/page"] = {TestHttpServer::Status(
      "200 OK", "country,image\nChad," + server_.Address("/td.svg") + "\n",
      "Content-Type: text/csv; charset=utf-8\r\n")};
  EXPECT_EQ(Run(Options())->collected, 1);

  const fs::path file = folder_.parent_path() / "list.csv";
  std::ofstream(file) << "country;image\nC\xf4te;" << server_.Address("/x")
                      << "\n";
  Downloader downloader(Options().download);
  const auto table = LoadImageTable(file.string(), downloader, Options());
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(table->rows.at(0).name, "Côte");
  EXPECT_EQ(LoadImageTable("none.csv", downloader, Options()).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(LoadImageTable("ftp://a/", downloader, Options()).error().code,
            ErrorCode::kInvalidArgument);
}

TEST_F(CollectorTest, WithoutANameThatOfTheAddressServes) {
  page_ = "<table><tr><td><img src='/Flag%20of_C%C3%B4te%.x.svg?a=/b'></table>";
  ASSERT_TRUE(Run(Options()));
  EXPECT_THAT(Files(), ElementsAre("Flag of_Côte%.x.svg"));
}

TEST_F(CollectorTest, AFolderThatCannotBeWrittenEndsTheRun) {
  std::ofstream(folder_) << "a file";
  const auto report = Run(Options());
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("flags"));
}

}  // namespace
}  // namespace ocelli
