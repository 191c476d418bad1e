#include "models/download.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <thread>

#include "models/test_folder.h"
#include "net/test_http_server.h"

namespace ocelli {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using testing::HasSubstr;
using Reply = TestHttpServer::Reply;

class DownloadTest : public FolderTest {
 protected:
  DownloadTest() { options_.retry_delay = milliseconds(0); }

  Result<> Get(const TestHttpServer& server, std::uint64_t max_bytes = 20) {
    return Download(server.Address("/file"), sha256_, max_bytes, file_,
                    options_);
  }

  const std::string body_ = "The twenty bytes of.";
  const std::string sha256_ = Sha256(body_).ToHex();
  const fs::path file_ = folder_ / "file";
  const fs::path part_ = folder_ / "file.part";
  FetchOptions options_;
};

// Answers ranges as a good server does.
std::string Serve(const std::string& body, const std::string& request) {
  const std::string key = "Range: bytes=";
  const std::size_t found = request.find(key);
  if (found == request.npos) return TestHttpServer::Ok(body);
  const std::size_t first = std::stoul(request.substr(found + key.size()));
  if (first >= body.size()) {
    return TestHttpServer::Status("416 Range Not Satisfiable", "");
  }
  return TestHttpServer::Status("206 Partial Content", body.substr(first),
                                "Content-Range: bytes " +
                                    std::to_string(first) + "-" +
                                    std::to_string(body.size() - 1) + "/" +
                                    std::to_string(body.size()) + "\r\n");
}

TEST_F(DownloadTest, BringsTheFileAndTellsHowFarItIs) {
  const TestHttpServer server(
      [&](const std::string& request) { return Reply{Serve(body_, request)}; });
  std::uint64_t done = 0, total = 0;
  options_.progress = [&](std::uint64_t d, std::uint64_t t) {
    done = d;
    total = t;
  };
  const auto got = Get(server);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(Read(file_), body_);
  EXPECT_FALSE(fs::exists(part_));
  EXPECT_EQ(done, 20);
  EXPECT_EQ(total, 20);
}

TEST_F(DownloadTest, AsksNobodyForWhatIsThere) {
  const TestHttpServer server([](const std::string&) { return Reply{}; });
  Write(file_, body_);
  EXPECT_TRUE(Get(server));
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(DownloadTest, GoesOnWhereACutOffAnswerEnded) {
  const TestHttpServer server([&](const std::string& request) {
    std::string reply = Serve(body_, request);
    if (request.find("Range") == request.npos) reply.resize(reply.size() - 7);
    return Reply{reply};
  });
  ASSERT_TRUE(Get(server));
  EXPECT_EQ(Read(file_), body_);
  ASSERT_EQ(server.requests().size(), 2);
  EXPECT_THAT(server.requests()[1], HasSubstr("Range: bytes=13-\r\n"));
}

TEST_F(DownloadTest, GoesOnWhereAnEarlierProcessEnded) {
  const TestHttpServer server(
      [&](const std::string& request) { return Reply{Serve(body_, request)}; });
  Write(part_, body_.substr(0, 5));
  ASSERT_TRUE(Get(server));
  EXPECT_EQ(Read(file_), body_);
  EXPECT_THAT(server.requests().at(0), HasSubstr("Range: bytes=5-\r\n"));
}

TEST_F(DownloadTest, BeginsAnewWhereTheServerIgnoresRanges) {
  const TestHttpServer server(
      [&](const std::string&) { return Reply{TestHttpServer::Ok(body_)}; });
  Write(part_, body_.substr(0, 5));
  ASSERT_TRUE(Get(server));
  EXPECT_EQ(Read(file_), body_);
}

TEST_F(DownloadTest, BeginsAnewAfterThePartOfAnotherFile) {
  const TestHttpServer server(
      [&](const std::string& request) { return Reply{Serve(body_, request)}; });
  for (const std::size_t size : {5u, 20u, 21u}) {
    fs::remove(file_);
    Write(part_, std::string(size, 'x'));
    const auto got = Get(server);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(Read(file_), body_);
  }
}

TEST_F(DownloadTest, TakesAPartThatIsComplete) {
  const TestHttpServer server(
      [&](const std::string& request) { return Reply{Serve(body_, request)}; });
  for (const std::uint64_t max_bytes : {20u, 1000u}) {
    fs::remove(file_);
    Write(part_, body_);
    ASSERT_TRUE(Get(server, max_bytes));
    EXPECT_EQ(Read(file_), body_);
  }
  EXPECT_EQ(server.requests().size(), 1);
}

TEST_F(DownloadTest, TriesAgainAfterAnotherRangeThanAskedFor) {
  int requests = 0;
  const TestHttpServer server([&](const std::string& request) {
    return Reply{++requests == 1 ? TestHttpServer::Status(
                                       "206 Partial Content", "of.",
                                       "Content-Range: bytes 17-19/20\r\n")
                                 : Serve(body_, request)};
  });
  Write(part_, body_.substr(0, 5));
  ASSERT_TRUE(Get(server));
  EXPECT_EQ(Read(file_), body_);
}

TEST_F(DownloadTest, AWrongHashIsRefusedRemovedAndNamed) {
  const std::string other = "Other twenty bytes!!";
  const TestHttpServer server(
      [&](const std::string&) { return Reply{TestHttpServer::Ok(other)}; });
  const auto error = Get(server).error();
  EXPECT_EQ(error.code, ErrorCode::kDataLoss);
  EXPECT_THAT(error.message, HasSubstr(sha256_));
  EXPECT_THAT(error.message, HasSubstr(Sha256(other).ToHex()));
  EXPECT_TRUE(fs::is_empty(folder_));
  EXPECT_EQ(server.requests().size(), 1);
}

TEST_F(DownloadTest, AnEverChangingServerIsGivenUp) {
  const TestHttpServer server([&](const std::string& request) {
    std::string reply = Serve(std::string(20, 'x'), request);
    if (request.find("Range") == request.npos) reply.resize(reply.size() - 7);
    return Reply{reply};
  });
  EXPECT_EQ(Get(server).error().code, ErrorCode::kDataLoss);
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(DownloadTest, AFileOfAnotherLengthIsRefused) {
  for (const std::string& body : {body_ + "!", body_.substr(1)}) {
    for (const bool announced : {true, false}) {
      const TestHttpServer server([&](const std::string&) {
        return Reply{announced ? TestHttpServer::Ok(body)
                               : "HTTP/1.1 200 OK\r\n\r\n" + body};
      });
      EXPECT_FALSE(Get(server));
      EXPECT_TRUE(fs::is_empty(folder_));
    }
  }
}

TEST_F(DownloadTest, AnswersByStatus) {
  const std::pair<const char*, ErrorCode> cases[] = {
      {"404 Not Found", ErrorCode::kNotFound},
      {"403 Forbidden", ErrorCode::kPermissionDenied},
      {"400 Bad Request", ErrorCode::kFailedPrecondition},
      {"204 No Content", ErrorCode::kFailedPrecondition},
      {"416 Range Not Satisfiable", ErrorCode::kFailedPrecondition},
  };
  for (const auto& [status, code] : cases) {
    const TestHttpServer server([&status = status](const std::string&) {
      return Reply{TestHttpServer::Status(status, "")};
    });
    EXPECT_EQ(Get(server).error().code, code) << status;
    EXPECT_EQ(server.requests().size(), 1);
    EXPECT_TRUE(fs::is_empty(folder_));
  }
}

TEST_F(DownloadTest, ABusyServerIsAskedAgain) {
  int requests = 0;
  const TestHttpServer server([&](const std::string& request) {
    return Reply{++requests < 3
                     ? TestHttpServer::Status("500 Internal Server Error", "")
                     : Serve(body_, request)};
  });
  EXPECT_TRUE(Get(server));
  EXPECT_EQ(server.requests().size(), 3);
}

TEST_F(DownloadTest, ABrokenServerIsGivenUp) {
  const TestHttpServer server([](const std::string&) {
    return Reply{TestHttpServer::Status("503 Service Unavailable", "")};
  });
  const auto error = Get(server).error();
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_THAT(error.message, HasSubstr("503"));
  EXPECT_EQ(server.requests().size(), 4);
}

TEST_F(DownloadTest, GoesOnAfterAStall) {
  options_.stall_timeout = milliseconds(50);
  options_.attempts = 100;  // On a busy machine more than one seems to stall.
  const TestHttpServer server([&](const std::string& request) {
    std::string reply = Serve(body_, request);
    const bool first = request.find("Range") == request.npos;
    if (first) reply.resize(reply.size() - 7);
    return Reply{reply, first};
  });
  ASSERT_TRUE(Get(server));
  EXPECT_EQ(Read(file_), body_);
}

TEST_F(DownloadTest, FollowsRedirects) {
  const TestHttpServer server([&](const std::string& request) {
    return Reply{request.starts_with("GET /file")
                     ? TestHttpServer::Status("302 Found", "moved",
                                              "Location: /there\r\n")
                     : Serve(body_, request)};
  });
  ASSERT_TRUE(Get(server));
  EXPECT_EQ(Read(file_), body_);
}

TEST_F(DownloadTest, StopsAndKeepsWhatCame) {
  std::stop_source stop;
  const TestHttpServer server([&](const std::string& request) {
    std::string reply = Serve(body_, request);
    reply.resize(reply.size() - 7);
    return Reply{reply, true};
  });
  options_.stop = stop.get_token();
  options_.progress = [&](std::uint64_t, std::uint64_t) {
    stop.request_stop();
  };
  const auto error = Get(server).error();
  EXPECT_EQ(error.code, ErrorCode::kCancelled);
  EXPECT_THAT(error.message, HasSubstr("goes on after the 13 bytes"));
  EXPECT_EQ(Read(part_), body_.substr(0, 13));
}

TEST_F(DownloadTest, AFullDiskIsNamedAndNothingHalfIsLeft) {
  const TestHttpServer server(
      [&](const std::string& request) { return Reply{Serve(body_, request)}; });
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const rlimit small{5, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const auto got = Get(server);
  setrlimit(RLIMIT_FSIZE, &old);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(got.error().message, HasSubstr("file.part"));
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(DownloadTest, OnlyOneHoldsAFolder) {
  std::stop_source stopped;
  stopped.request_stop();
  std::atomic<int> holders = 0;
  {
    const auto lock = FolderLock::Take(folder_ / "new", {});
    ASSERT_TRUE(lock);
    EXPECT_EQ(
        FolderLock::Take(folder_ / "new", stopped.get_token()).error().code,
        ErrorCode::kCancelled);
  }
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const auto lock = FolderLock::Take(folder_ / "new", {});
      EXPECT_EQ(++holders, 1);
      --holders;
    });
  }
}

}  // namespace
}  // namespace ocelli
