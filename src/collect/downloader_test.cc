#include "collect/downloader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "core/work_scope.h"
#include "net/test_http_server.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t kMost = 1 << 20;

// Time stands still but for what is waited; waiting takes none.
class Waits {
 public:
  DownloadOptions Options() {
    DownloadOptions options;
    options.allow_private = true;
    options.host_delay = milliseconds(0);
    options.clock = &clock_;
    options.random = [] { return 0.5; };
    options.wait = [this](milliseconds time, const std::stop_token&) {
      waited.push_back(static_cast<int>(time.count()));
      clock_.Advance(time);
    };
    return options;
  }

  std::vector<int> waited;  // Milliseconds.

 private:
  FixedClock clock_{std::chrono::sys_days(std::chrono::year(2020) /
                                          std::chrono::month(1) / 1)};
};

class DownloaderTest : public testing::Test {
 protected:
  // Gets /file from a server that gives these answers, then the last for ever.
  Result<Downloaded> Get(std::vector<std::string> answers,
                         const DownloadOptions& options) {
    std::size_t next = 0;
    const TestHttpServer server([&](const std::string&) {
      return TestHttpServer::Reply{
          answers[std::min(next++, answers.size() - 1)]};
    });
    Downloader downloader(options);
    auto got = downloader.Get(ParseUrl(server.Address("/file")).value(), kMost);
    requests_ = server.requests().size();
    return got;
  }

  Waits waits_;
  std::size_t requests_ = 0;
};

TEST_F(DownloaderTest, GivesBytesAndType) {
  const auto got = Get(
      {TestHttpServer::Status("200 OK", "abc", "Content-Type: image/png\r\n")},
      waits_.Options());
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->bytes.size(), 3);
  EXPECT_EQ(got->content_type, "image/png");
  EXPECT_THAT(waits_.waited, ElementsAre());
}

TEST_F(DownloaderTest, TriesAgainAfterLongerAndLongerWaits) {
  const auto got = Get({TestHttpServer::Status("503 Later", ""), "",
                        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
                        TestHttpServer::Ok("whole")},
                       waits_.Options());
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->bytes.size(), 5);
  EXPECT_THAT(waits_.waited, ElementsAre(500, 1000, 2000));
}

TEST_F(DownloaderTest, ChanceSpreadsTheWaits) {
  auto options = waits_.Options();
  options.attempts = 2;
  options.random = [] { return 0.0; };
  EXPECT_FALSE(Get({""}, options));
  options.random = [] { return 1.0; };
  EXPECT_FALSE(Get({""}, options));
  EXPECT_THAT(waits_.waited, ElementsAre(250, 750));
}

TEST_F(DownloaderTest, GivesUpAfterItsAttempts) {
  const auto got =
      Get({TestHttpServer::Status("500 Oh", "")}, waits_.Options());
  EXPECT_EQ(got.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(got.error().message, HasSubstr("answers 500"));
  EXPECT_EQ(requests_, 4);
}

TEST_F(DownloaderTest, DoesNotTryAgainWhatCannotHelp) {
  const std::pair<const char*, ErrorCode> kAnswers[] = {
      {"404 Not Found", ErrorCode::kNotFound},
      {"410 Gone", ErrorCode::kNotFound},
      {"403 Forbidden", ErrorCode::kPermissionDenied},
      {"400 Bad", ErrorCode::kFailedPrecondition},
      {"204 No Content", ErrorCode::kFailedPrecondition}};
  for (const auto& [answer, code] : kAnswers) {
    const auto got =
        Get({TestHttpServer::Status(answer, "")}, waits_.Options());
    ASSERT_FALSE(got) << answer;
    EXPECT_EQ(got.error().code, code) << answer;
    EXPECT_EQ(requests_, 1);
  }
}

TEST_F(DownloaderTest, WaitsAsLongAsTheServerAsks) {
  const auto got =
      Get({TestHttpServer::Status("429 Slow", "", "Retry-After: 7\r\n"),
           TestHttpServer::Status("503 Slow", "",
                                  "Retry-After: Wed, 01 Jan 2020 00:00:20 "
                                  "GMT\r\n"),
           TestHttpServer::Ok("x")},
          waits_.Options());
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_THAT(waits_.waited, ElementsAre(7000, 13'000));
}

TEST_F(DownloaderTest, DoesNotWaitForEver) {
  const auto got =
      Get({TestHttpServer::Status("429 Slow", "", "Retry-After: 99999\r\n")},
          waits_.Options());
  EXPECT_EQ(got.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(got.error().message, HasSubstr("again in 99999 s"));
  EXPECT_THAT(waits_.waited, ElementsAre());
}

TEST_F(DownloaderTest, RefusesWhatIsTooLarge) {
  EXPECT_EQ(
      Get({TestHttpServer::Ok(std::string(kMost + 1, 'x'))}, waits_.Options())
          .error()
          .code,
      ErrorCode::kResourceExhausted);
  const TestHttpServer server([](const std::string&) {
    return TestHttpServer::Reply{"HTTP/1.1 200 OK\r\n\r\nx", false, true};
  });
  Downloader downloader(waits_.Options());
  EXPECT_EQ(
      downloader.Get(ParseUrl(server.Address("/")).value(), kMost).error().code,
      ErrorCode::kResourceExhausted);
  EXPECT_EQ(server.requests().size(), 1);
}

TEST_F(DownloaderTest, GivesUpOnAServerThatStalls) {
  const TestHttpServer server([](const std::string&) {
    return TestHttpServer::Reply{
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", true};
  });
  auto options = waits_.Options();
  options.stall_timeout = milliseconds(20);
  options.attempts = 2;
  Downloader downloader(options);
  const auto got = downloader.Get(ParseUrl(server.Address("/")).value(), kMost);
  EXPECT_EQ(got.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(got.error().message, HasSubstr("nothing came for 20 ms"));
  EXPECT_EQ(server.requests().size(), 2);
}

TEST_F(DownloaderTest, EndsWhatNeverEnds) {
  auto options = waits_.Options();
  options.max_time = milliseconds(-1);
  const auto got = Get({TestHttpServer::Ok("x")}, options);
  EXPECT_EQ(got.error().code, ErrorCode::kResourceExhausted);
}

TEST_F(DownloaderTest, ConnectsToPublicAddressesOnly) {
  auto options = waits_.Options();
  options.allow_private = false;
  const auto got = Get({TestHttpServer::Ok("secret")}, options);
  EXPECT_EQ(got.error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(requests_, 0);
}

TEST_F(DownloaderTest, LeavesTimeBetweenRequestsToOneHost) {
  const TestHttpServer server([](const std::string&) {
    return TestHttpServer::Reply{TestHttpServer::Ok("x")};
  });
  auto options = waits_.Options();
  options.host_delay = milliseconds(100);
  Downloader downloader(options);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(downloader.Get(ParseUrl(server.Address("/")).value(), kMost));
  }
  EXPECT_THAT(waits_.waited, ElementsAre(100, 100));
}

// As many wait for the answer of the first as there are threads.
TEST_F(DownloaderTest, AsksOneHostForFewThingsAtATime) {
  std::atomic<int> active = 0;
  std::atomic<int> most = 0;
  auto options = waits_.Options();
  options.per_host = 2;
  options.attempts = 2;
  // What happens in between is counted where it waits to try again.
  options.wait = [&](milliseconds, const std::stop_token&) {
    most = std::max<int>(most, ++active);
    std::this_thread::yield();
    --active;
  };
  const TestHttpServer server(
      [](const std::string&) { return TestHttpServer::Reply{""}; });
  Downloader downloader(options);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      EXPECT_FALSE(
          downloader.Get(ParseUrl(server.Address("/")).value(), kMost));
    });
  }
  threads.clear();
  EXPECT_LE(most, 2);
  EXPECT_EQ(server.requests().size(), 16);
}

TEST_F(DownloaderTest, StopsWhileItWaits) {
  std::stop_source stop;
  auto options = waits_.Options();
  options.stop = stop.get_token();
  options.wait = [&](milliseconds, const std::stop_token&) {
    stop.request_stop();
  };
  EXPECT_EQ(Get({""}, options).error().code, ErrorCode::kCancelled);
  EXPECT_EQ(requests_, 1);
  EXPECT_EQ(Get({""}, options).error().code, ErrorCode::kCancelled);
  EXPECT_EQ(requests_, 0);
}

TEST_F(DownloaderTest, StopsWhenNobodyWaitsForItAnyMore) {
  std::stop_source stop;
  auto options = waits_.Options();
  options.wait = [&](milliseconds, const std::stop_token&) {
    stop.request_stop();
  };
  {
    const WorkScope scope("somebody", stop.get_token());
    EXPECT_EQ(Get({""}, options).error().code, ErrorCode::kCancelled);
    EXPECT_EQ(requests_, 1);
    EXPECT_EQ(Get({""}, options).error().code, ErrorCode::kCancelled);
    EXPECT_EQ(requests_, 0);
  }
  EXPECT_NE(Get({""}, options).error().code, ErrorCode::kCancelled);
}

TEST(ParseRetryAfter, ReadsSecondsAndDates) {
  const std::chrono::system_clock::time_point now = std::chrono::sys_days(
      std::chrono::year(2015) / std::chrono::month(10) / 21);
  EXPECT_EQ(ParseRetryAfter("120", now), seconds(120));
  EXPECT_EQ(ParseRetryAfter("Wed, 21 Oct 2015 07:28:00 GMT", now),
            seconds(7 * 3600 + 28 * 60));
  for (const char* text :
       {"", "-5", "soon", "Wed, 21 Oct 2014 07:28:00 GMT",
        "Wed, 31 Feb 2016 07:28:00 GMT", "Wed, 21 ctN 2016 07:28:00 GMT"}) {
    EXPECT_EQ(ParseRetryAfter(text, now), seconds(0)) << text;
  }
  EXPECT_EQ(ParseRetryAfter("99999999999999999", now), seconds(31'536'000));
}

}  // namespace
}  // namespace ocelli
