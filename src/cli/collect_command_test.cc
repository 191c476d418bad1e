#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/test_command.h"
#include "net/test_http_server.h"

namespace ocelli {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kSvg =
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 3 2'>"
    "<path d='M0 0h3v2h-3z' fill='#00f'/></svg>";

class CollectCommandTest : public testing::Test {
 protected:
  TestHttpServer::Reply Answer(const std::string& request) {
    if (request.starts_with("GET /page ")) {
      return {TestHttpServer::Ok(page_)};
    }
    if (request.starts_with("GET /missing.svg ")) {
      return {TestHttpServer::Status("404 Not Found", "")};
    }
    if (request.starts_with("GET /inside.svg ")) {
      return {TestHttpServer::Status(
          "302 Found", "", "Location: http://169.254.169.254/secret\r\n")};
    }
    if (request.starts_with("GET /stop.svg ")) {
      stop_.request_stop();
      return {"", true};
    }
    return {TestHttpServer::Ok(kSvg)};
  }

  TestCommand::Outcome Run(std::vector<std::string> flags) {
    command_.stop = stop_.get_token();
    flags.insert(flags.begin(),
                 {"collect", server_.Address("/page"), "-o", folder_.string()});
    return command_.Run(flags);
  }

  std::string page_ =
      "<table><tr><td><img src=/td.svg><td>Chad"
      "<tr><td><img src=/ci.svg><td>C&ocirc;te d'Ivoire</table>";
  std::stop_source stop_;
  TestHttpServer server_{
      [this](const std::string& request) { return Answer(request); }};
  TestCommand command_{AddCollectCommand};
  std::filesystem::path folder_ = command_.folder() / "flags";
};

TEST_F(CollectCommandTest, CollectsATable) {
  auto ran = Run({"--allow-private"});
  EXPECT_EQ(ran.exit_code, kExitDone) << ran.err;
  EXPECT_EQ(ran.out, (folder_ / "images/Chad.svg\n").string() +
                         (folder_ / "images/Côte d'Ivoire.svg\n").string());
  EXPECT_THAT(ran.err,
              HasSubstr("2 images in " + (folder_ / "flags.csv").string() +
                        ": 2 fetched, 0 there already; 0 failed"));
  ran = Run({"--allow-private", "--json", "--limit", "1"});
  EXPECT_EQ(ran.exit_code, kExitDone) << ran.err;
  EXPECT_EQ(ran.out,
            "{\"id\":\"Chad\",\"name\":\"Chad\",\"file\":\"images/Chad.svg\","
            "\"url\":\"" +
                server_.Address("/td.svg") + "\",\"fetched\":false}\n");
}

TEST_F(CollectCommandTest, NamesRowsThatFailAndGoesOn) {
  page_ +=
      "<table><tr><td><img src=/missing.svg><td>Atlantis"
      "<tr><td><img src=/td.svg><td>Chad"
      "<tr><td><img src=/large.svg><td>Mali</table>";
  const auto ran = Run({"--allow-private"});
  EXPECT_EQ(ran.exit_code, kExitSomeFailed);
  EXPECT_THAT(ran.err, HasSubstr("ocelli: row 1 (Atlantis): "));
  EXPECT_THAT(ran.err, HasSubstr("2 fetched, 0 there already; 1 failed"));
  EXPECT_EQ(Run({"--allow-private", "--max-bytes", "10"}).exit_code,
            kExitSomeFailed);
}

TEST_F(CollectCommandTest, PrivateAddressesNeedAFlag) {
  const auto ran = Run({});
  EXPECT_EQ(ran.exit_code, kExitSomeFailed);
  EXPECT_THAT(ran.err, HasSubstr("127.0.0.1, which is not a public address"));
  EXPECT_THAT(ran.err, HasSubstr("--allow-private"));
  EXPECT_TRUE(server_.requests().empty());
  EXPECT_FALSE(std::filesystem::exists(folder_));
}

TEST_F(CollectCommandTest, APageWithoutATableIsOneLine) {
  page_ = "<p>nothing";
  const auto ran = Run({"--allow-private"});
  EXPECT_EQ(ran.exit_code, kExitSomeFailed);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ran.err, "ocelli: no table with images in " +
                         server_.Address("/page") + "\n");
}

TEST_F(CollectCommandTest, SaysHowToGoOnWhenStopped) {
  page_ =
      "<table><tr><td><img src=/td.svg><td>Chad"
      "<tr><td><img src=/stop.svg><td>Mali</table>";
  const auto ran = Run({"--allow-private", "--parallel", "1"});
  EXPECT_EQ(ran.exit_code, kExitInterrupted);
  EXPECT_THAT(ran.err, HasSubstr("stopped with 1 of 2 images"));
  EXPECT_THAT(ran.err, HasSubstr("the same command goes on"));
  EXPECT_THAT(ran.err, Not(HasSubstr("row 2")));
  EXPECT_EQ(Run({"--allow-private"}).exit_code, kExitInterrupted);
  EXPECT_THAT(ReadTestFile(folder_ / "flags.csv"), HasSubstr("Chad"));
}

TEST_F(CollectCommandTest, WrongUseIsRefused) {
  EXPECT_EQ(command_.Run({"collect"}).exit_code, kExitUsage);
  EXPECT_EQ(command_.Run({"collect", "x.csv"}).exit_code, kExitUsage);
  EXPECT_EQ(Run({"--parallel", "0"}).exit_code, kExitUsage);
  EXPECT_EQ(Run({"--limit", "-1"}).exit_code, kExitUsage);
  EXPECT_EQ(Run({"--allow-private", "--name", "Nope"}).exit_code,
            kExitSomeFailed);
  EXPECT_EQ(command_.Run({"collect", "ftp://a.org/", "-o", "x"}).exit_code,
            kExitUsage);
  EXPECT_EQ(command_.Run({"collect", "missing.csv", "-o", "x"}).exit_code,
            kExitSomeFailed);
}

}  // namespace
}  // namespace ocelli
