#include "net/http_transfers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <set>
#include <string>
#include <thread>

#include "net/test_upload_server.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using Then = TestUploadServer::Reply::Then;

const std::string kOk = TestUploadServer::Status("200 OK");

ByteSource TextBody(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return BytesOf({bytes.begin(), bytes.end()});
}

std::string TextOf(const HttpReply& reply) {
  return {reinterpret_cast<const char*>(reply.body.data()), reply.body.size()};
}

HttpRequest PutOf(const TestUploadServer& server, const std::string& target,
                  const std::string& body) {
  HttpRequest request;
  request.method = "PUT";
  request.url = ParseUrl(server.Address(target)).value();
  request.body = TextBody(body);
  return request;
}

HttpRequest GetOf(const TestUploadServer& server, const std::string& target) {
  HttpRequest request;
  request.url = ParseUrl(server.Address(target)).value();
  return request;
}

// Lets nobody through before so many have come, or 10 s are over.
class Gate {
 public:
  explicit Gate(int wanted) : wanted_(wanted) {}

  bool Pass() {
    std::unique_lock lock(mutex_);
    ++come_;
    all_.notify_all();
    return all_.wait_for(lock, std::chrono::seconds(10),
                         [&] { return come_ >= wanted_; });
  }

 private:
  const int wanted_;
  std::mutex mutex_;
  std::condition_variable all_;
  int come_ = 0;  // Guarded by mutex_.
};

TEST(HttpTransfers, SendsABodyAndGivesTheWholeAnswer) {
  const TestUploadServer server(TestUploadServer::Answer(
      TestUploadServer::Status("201 Created", "made", "ETag: \"7\"\r\n")));
  HttpTransfers transfers({});
  HttpRequest request =
      PutOf(server, "/a%20b?x=1", std::string(300'000, 'x') + "end");
  request.headers = {"X-One: 1"};
  const auto reply = transfers.Run(std::move(request));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 201);
  EXPECT_EQ(reply->headers.at("etag"), "\"7\"");
  EXPECT_EQ(TextOf(*reply), "made");
  const auto seen = server.requests().at(0);
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.target, "/a%20b?x=1");
  EXPECT_EQ(seen.Header("x-one"), "1");
  EXPECT_EQ(seen.body, std::string(300'000, 'x') + "end");
}

TEST(HttpTransfers, EveryMethodIsSentAsItself) {
  const TestUploadServer server(TestUploadServer::Answer(kOk));
  HttpTransfers transfers({});
  for (const char* method : {"GET", "HEAD", "PUT", "POST", "DELETE"}) {
    HttpRequest request = GetOf(server, "/");
    request.method = method;
    ASSERT_TRUE(transfers.Run(std::move(request))) << method;
    EXPECT_EQ(server.requests().back().method, method);
  }
}

TEST(HttpTransfers, ALargeBodyIsNotHeldBackForAContinue) {
  const TestUploadServer server(TestUploadServer::Answer(kOk));
  HttpTransfers transfers({});
  const std::string body(3 << 20, 'x');
  ASSERT_TRUE(transfers.Run(PutOf(server, "/", body)));
  EXPECT_EQ(server.requests().at(0).Header("expect"), "");
  EXPECT_EQ(server.requests().at(0).body.size(), body.size());
}

TEST(HttpTransfers, AHeadAnswersWithTheLengthOfABodyThatDoesNotCome) {
  const TestUploadServer server(TestUploadServer::Answer(
      "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n"));
  HttpTransfers transfers({});
  HttpRequest request = GetOf(server, "/");
  request.method = "HEAD";
  const auto reply = transfers.Run(std::move(request));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->headers.at("content-length"), "5000000");
}

TEST(HttpTransfers, AHundredAreUnderWayAtOnce) {
  constexpr int kCount = 100;
  Gate gate(kCount);
  const TestUploadServer server([&](const TestUploadServer::Request&) {
    return TestUploadServer::Reply{
        gate.Pass() ? kOk : TestUploadServer::Status("500 Too Few")};
  });
  HttpTransfers transfers({});
  std::promise<void> all;
  std::multiset<int> statuses;
  for (int i = 0; i < kCount; ++i) {
    transfers.Start(PutOf(server, "/" + std::to_string(i), "body"),
                    [&](Result<HttpReply> reply) {
                      statuses.insert(reply ? reply->status : 0);
                      if (statuses.size() == kCount) all.set_value();
                    });
  }
  all.get_future().wait();
  EXPECT_EQ(statuses.count(200), kCount);
}

TEST(HttpTransfers, ConnectionsAreUsedAgain) {
  const TestUploadServer server(TestUploadServer::Answer(kOk));
  HttpTransfers transfers({});
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(transfers.Run(PutOf(server, "/", std::string(200'000, 'x'))));
  }
  EXPECT_EQ(server.requests().size(), 20);
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpTransfers, ADeadKeptConnectionIsNoError) {
  // Each answer is the last of its connection, but does not say so.
  const TestUploadServer server([&](const TestUploadServer::Request&) {
    return TestUploadServer::Reply{kOk, Then::kClose};
  });
  HttpTransfers transfers({});
  for (int i = 0; i < 5; ++i) {
    const auto reply = transfers.Run(PutOf(server, "/", "body"));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(server.requests().back().body, "body");
  }
}

TEST(HttpTransfers, DoneMayStartTheNext) {
  const TestUploadServer server(TestUploadServer::Answer(kOk));
  HttpTransfers transfers({});
  std::promise<int> last;
  int rounds = 0;
  std::function<void(Result<HttpReply>)> done = [&](Result<HttpReply> reply) {
    if (!reply || ++rounds == 10) {
      last.set_value(rounds);
    } else {
      transfers.Start(PutOf(server, "/", "body"), done);
    }
  };
  transfers.Start(PutOf(server, "/", "body"), done);
  EXPECT_EQ(last.get_future().get(), 10);
}

TEST(HttpTransfers, PostedWorkRunsOnTheThreadThatCallsDone) {
  const TestUploadServer server(TestUploadServer::Answer(kOk));
  std::promise<std::thread::id> work, done;
  HttpTransfers transfers({});
  transfers.Post([&] { work.set_value(std::this_thread::get_id()); });
  transfers.Start(GetOf(server, "/"), [&](const Result<HttpReply>&) {
    done.set_value(std::this_thread::get_id());
  });
  EXPECT_EQ(work.get_future().get(), done.get_future().get());
}

TEST(HttpTransfers, AnAnswerThatComesBeforeTheBodyIsSentIsTheAnswer) {
  const TestUploadServer server(
      TestUploadServer::Answer(kOk), [](const TestUploadServer::Request&) {
        return TestUploadServer::Reply{
            TestUploadServer::Status("403 Forbidden", "no"), Then::kGoOn};
      });
  HttpTransfers transfers({});
  const auto reply =
      transfers.Run(PutOf(server, "/", std::string(16 << 20, 'x')));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 403);
  EXPECT_EQ(TextOf(*reply), "no");
}

TEST(HttpTransfers, AResetAmidTheBodyMayBeTriedAgain) {
  const TestUploadServer server(
      TestUploadServer::Answer(kOk), [](const TestUploadServer::Request&) {
        return TestUploadServer::Reply{"", Then::kReset};
      });
  HttpTransfers transfers({});
  const auto reply =
      transfers.Run(PutOf(server, "/name?key=1", std::string(16 << 20, 'x')));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(reply.error().message, HasSubstr("PUT http://127.0.0.1"));
  EXPECT_THAT(reply.error().message, testing::Not(HasSubstr("key=1")));
}

TEST(HttpTransfers, ACutOffAnswerMayBeTriedAgain) {
  const TestUploadServer server([](const TestUploadServer::Request&) {
    return TestUploadServer::Reply{
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", Then::kClose};
  });
  HttpTransfers transfers({});
  const auto reply = transfers.Run(GetOf(server, "/"));
  EXPECT_EQ(reply.error().code, ErrorCode::kUnavailable);
}

TEST(HttpTransfers, NobodyListeningMayBeTriedAgain) {
  HttpTransfers transfers({});
  HttpRequest request;
  {
    const TestUploadServer server(TestUploadServer::Answer(kOk));
    request = GetOf(server, "/");
  }
  EXPECT_EQ(transfers.Run(std::move(request)).error().code,
            ErrorCode::kUnavailable);
}

TEST(HttpTransfers, ASilentServerIsGivenUp) {
  const TestUploadServer server([](const TestUploadServer::Request&) {
    return TestUploadServer::Reply{"", Then::kSilence};
  });
  HttpTransfers transfers({});
  HttpRequest request = PutOf(server, "/", "body");
  request.stall_timeout = milliseconds(60);
  const auto reply = transfers.Run(std::move(request));
  EXPECT_EQ(reply.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_THAT(reply.error().message, HasSubstr("nothing moved for 60 ms"));
}

TEST(HttpTransfers, TheWholeRequestHasATimeOut) {
  const TestUploadServer server([](const TestUploadServer::Request&) {
    return TestUploadServer::Reply{"", Then::kSilence};
  });
  HttpTransfers transfers({});
  HttpRequest request = PutOf(server, "/", "body");
  request.timeout = milliseconds(60);
  EXPECT_EQ(transfers.Run(std::move(request)).error().code,
            ErrorCode::kDeadlineExceeded);
}

TEST(HttpTransfers, AnAnswerLongerThanAllowedIsAnError) {
  for (const char* answer :
       {"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n123456",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "6\r\n123456\r\n0\r\n\r\n"}) {
    const TestUploadServer server(TestUploadServer::Answer(answer));
    HttpTransfers transfers({});
    HttpRequest request = GetOf(server, "/");
    request.max_reply_bytes = 6;
    const auto fits = transfers.Run(request);
    ASSERT_TRUE(fits) << fits.error().message;
    EXPECT_EQ(TextOf(*fits), "123456");
    request.max_reply_bytes = 5;
    EXPECT_EQ(transfers.Run(request).error().code,
              ErrorCode::kResourceExhausted);
  }
}

TEST(HttpTransfers, HeadersWithoutEndAreAnError) {
  std::string answer = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 40'000; ++i) answer += "X-More: 12345\r\n";
  const TestUploadServer server(TestUploadServer::Answer(answer));
  HttpTransfers transfers({});
  const auto code = transfers.Run(GetOf(server, "/")).error().code;
  // Whose limit it is depends on the version of libcurl.
  EXPECT_TRUE(code == ErrorCode::kResourceExhausted ||
              code == ErrorCode::kUnavailable);
}

TEST(HttpTransfers, ABodyThatCannotBeReadEndsTheRequest) {
  const TestUploadServer server(TestUploadServer::Answer(kOk));
  HttpTransfers transfers({});
  HttpRequest request = PutOf(server, "/", "");
  request.body = {10, [](std::uint64_t, std::span<std::byte>) {
                    return Result<std::size_t>(
                        Fail(ErrorCode::kDataLoss, "the disk is gone"));
                  }};
  auto reply = transfers.Run(request);
  EXPECT_EQ(reply.error().code, ErrorCode::kDataLoss);
  EXPECT_THAT(reply.error().message, HasSubstr("the disk is gone"));

  request.body.read = [](std::uint64_t offset, std::span<std::byte> into) {
    if (offset > 0) return Result<std::size_t>(0);
    into[0] = std::byte{1};
    return Result<std::size_t>(1);
  };
  reply = transfers.Run(request);
  EXPECT_EQ(reply.error().code, ErrorCode::kDataLoss);
  EXPECT_THAT(reply.error().message, HasSubstr("ends after 1 of 10 bytes"));
}

TEST(HttpTransfers, AStopEndsTheWait) {
  std::stop_source stop;
  const TestUploadServer server([&](const TestUploadServer::Request&) {
    stop.request_stop();
    return TestUploadServer::Reply{"", Then::kSilence};
  });
  HttpTransfers transfers({});
  EXPECT_EQ(transfers.Run(GetOf(server, "/"), stop.get_token()).error().code,
            ErrorCode::kCancelled);
}

TEST(HttpTransfers, TheDestructorCancelsWhatIsUnderWay) {
  Gate gate(3);
  const TestUploadServer server([&](const TestUploadServer::Request&) {
    gate.Pass();
    return TestUploadServer::Reply{"", Then::kSilence};
  });
  int cancelled = 0;
  {
    HttpTransfers transfers({});
    const auto done = [&](Result<HttpReply> reply) {
      if (!reply && reply.error().code == ErrorCode::kCancelled) ++cancelled;
    };
    for (int i = 0; i < 2; ++i) {
      transfers.Start(PutOf(server, "/", "body"), [&](Result<HttpReply> reply) {
        done(std::move(reply));
        transfers.Start(PutOf(server, "/", "body"), done);
      });
    }
    gate.Pass();  // Both have reached the server.
  }
  EXPECT_EQ(cancelled, 4);
}

TEST(HttpTransfers, ManyThreadsMayStartRequests) {
  const TestUploadServer server([](const TestUploadServer::Request& request) {
    return TestUploadServer::Reply{
        TestUploadServer::Status("200 OK", request.body)};
  });
  HttpTransfers transfers({});
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 25; ++i) {
        const std::string body = std::to_string(thread * 100 + i);
        const auto reply = transfers.Run(PutOf(server, "/", body));
        ASSERT_TRUE(reply) << reply.error().message;
        EXPECT_EQ(TextOf(*reply), body);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace ocelli
