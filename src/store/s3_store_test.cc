#include "store/s3_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <map>
#include <mutex>

#include "core/utc_time.h"
#include "net/test_upload_server.h"
#include "store/test_requests.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Server = TestUploadServer;
using Then = Server::Reply::Then;

const std::string kOk = Server::Status("200 OK");

std::string ErrorOf(const std::string& status, const std::string& code,
                    const std::string& headers = "") {
  return Server::Status(
      status,
      "<Error><Code>" + code + "</Code><Message>so it is</Message></Error>",
      headers);
}

// The store "s3://frames/cam 1" at the server.
std::unique_ptr<ObjectStore> StoreAt(const Server& server,
                                     ObjectStoreOptions options = {}) {
  static const FixedClock clock(ParseUtc("2026-11-25T14:00:00Z").value());
  options.endpoint = server.Address("");
  const std::map<std::string, std::string> variables = {
      {"AWS_ACCESS_KEY_ID", "key"}, {"AWS_SECRET_ACCESS_KEY", "swordfish"}};
  auto store = MakeS3Store(
      "s3://frames/cam 1", options,
      [variables](const std::string& name) {
        const auto found = variables.find(name);
        return found == variables.end() ? std::string() : found->second;
      },
      clock);
  EXPECT_TRUE(store) << store.error().message;
  return std::move(*store);
}

PutOutcome OutcomeOf(ObjectStore& store, PutRequest request) {
  std::promise<PutOutcome> promise;
  store.StartPut(std::move(request), [&](PutOutcome outcome) {
    promise.set_value(std::move(outcome));
  });
  return promise.get_future().get();
}

TEST(S3Store, PutsBytesUnderTheirDigest) {
  const Server server(Server::Answer(kOk));
  const auto store = StoreAt(server);
  PutRequest request = Request("ü+.jpg", "picture");
  request.content_type = "image/jpeg";
  const auto put = store->Put(std::move(request));
  ASSERT_TRUE(put) << put.error().message;
  const auto seen = server.requests().at(0);
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.target, "/frames/cam%201/%C3%BC%2B.jpg");
  EXPECT_EQ(seen.body, "picture");
  EXPECT_EQ(seen.Header("content-type"), "image/jpeg");
  EXPECT_EQ(seen.Header("x-amz-content-sha256"), Sha256("picture").ToHex());
  EXPECT_EQ(seen.Header("x-amz-date"), "20261125T140000Z");
  EXPECT_THAT(seen.Header("authorization"),
              HasSubstr("Credential=key/20261125/us-east-1/s3/aws4_request,"
                        "SignedHeaders=content-type;host;x-amz-content-sha256;"
                        "x-amz-date,Signature="));
}

TEST(S3Store, TellsABusyServerFromABrokenRequest) {
  const Server server([](const Server::Request& request) {
    if (request.target.ends_with("busy")) {
      return Server::Reply{
          ErrorOf("503 Busy", "SlowDown", "Retry-After: 3\r\n")};
    }
    if (request.target.ends_with("many")) {
      return Server::Reply{Server::Status("429 Too Many Requests")};
    }
    if (request.target.ends_with("broken")) {
      return Server::Reply{Server::Status("500 Oh")};
    }
    return Server::Reply{ErrorOf("403 Forbidden", "AccessDenied")};
  });
  const auto store = StoreAt(server);
  PutOutcome outcome = OutcomeOf(*store, Request("busy", "x"));
  EXPECT_TRUE(MayTryAgain(outcome.result.error()));
  EXPECT_TRUE(outcome.slow_down);
  EXPECT_EQ(outcome.retry_after, milliseconds(3000));
  outcome = OutcomeOf(*store, Request("many", "x"));
  EXPECT_TRUE(MayTryAgain(outcome.result.error()));
  EXPECT_TRUE(outcome.slow_down);
  outcome = OutcomeOf(*store, Request("broken", "x"));
  EXPECT_TRUE(MayTryAgain(outcome.result.error()));
  EXPECT_FALSE(outcome.slow_down);
  outcome = OutcomeOf(*store, Request("mine", "x"));
  EXPECT_EQ(outcome.result.error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(outcome.result.error().message,
            "PUT s3://frames/cam 1/mine: AccessDenied: so it is (403)");
}

TEST(S3Store, AStalledServerIsGivenUpToBeTriedAgain) {
  const Server server([](const Server::Request&) {
    return Server::Reply{"", Then::kSilence};
  });
  ObjectStoreOptions options;
  options.try_timeout = milliseconds(60);
  const auto store = StoreAt(server, options);
  const auto put = store->Put(Request("a", "x"));
  EXPECT_EQ(put.error().code, ErrorCode::kDeadlineExceeded);
}

TEST(S3Store, ABadKeyIsToldOnTheStoresThread) {
  const Server server(Server::Answer(kOk));
  const auto store = StoreAt(server);
  std::promise<std::thread::id> thread;
  store->StartPut(Request("a/../b", "x"), [&](const PutOutcome& outcome) {
    EXPECT_EQ(outcome.result.error().code, ErrorCode::kInvalidArgument);
    thread.set_value(std::this_thread::get_id());
  });
  EXPECT_NE(thread.get_future().get(), std::this_thread::get_id());
  EXPECT_FALSE(store->Get("", 1));
  EXPECT_FALSE(store->Delete("/a"));
  EXPECT_TRUE(server.requests().empty());
}

TEST(S3Store, GetGivesTheWholeObjectOrNothing) {
  const Server server([](const Server::Request& request) {
    if (request.target.ends_with("whole")) {
      return Server::Reply{Server::Status("200 OK", "<Error>12345</Error>")};
    }
    if (request.target.ends_with("short")) {
      return Server::Reply{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234",
                           Then::kClose};
    }
    if (request.target.ends_with("endless")) {
      return Server::Reply{"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n1234",
                           Then::kClose};
    }
    return Server::Reply{ErrorOf("404 Not Found", "NoSuchKey")};
  });
  const auto store = StoreAt(server);
  EXPECT_EQ(store->Get("whole", 20).value(), Bytes("<Error>12345</Error>"));
  EXPECT_EQ(store->Get("whole", 19).error().code,
            ErrorCode::kResourceExhausted);
  EXPECT_EQ(store->Get("short", 20).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(store->Get("endless", 20).error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(store->Get("none", 1).error().code, ErrorCode::kNotFound);
}

TEST(S3Store, HeadGivesSizeAndTime) {
  const Server server([](const Server::Request& request) {
    return Server::Reply{
        request.target.ends_with("none")
            ? "HTTP/1.1 404 Not Found\r\n\r\n"
            : "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n"
              "Last-Modified: Wed, 25 Nov 2026 14:00:00 GMT\r\n\r\n"};
  });
  const auto store = StoreAt(server);
  const auto info = store->Head("a");
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->key, "a");
  EXPECT_EQ(info->bytes, 5'000'000u);
  EXPECT_EQ(info->modified, ParseUtc("2026-11-25T14:00:00Z").value());
  EXPECT_EQ(store->Head("none").error().code, ErrorCode::kNotFound);
}

TEST(S3Store, DeletingWhatIsNotThereIsFine) {
  const Server server([](const Server::Request& request) {
    return Server::Reply{
        request.target.ends_with("a")
            ? "HTTP/1.1 204 No Content\r\n\r\n"
            : ErrorOf("404 Not Found", request.target.ends_with("b")
                                           ? "NoSuchKey"
                                           : "NoSuchBucket")};
  });
  const auto store = StoreAt(server);
  EXPECT_TRUE(store->Delete("a"));
  EXPECT_TRUE(store->Delete("b"));
  EXPECT_EQ(store->Delete("c").error().code, ErrorCode::kNotFound);
}

std::string Page(const std::vector<std::string>& keys,
                 const std::string& next) {
  std::string text =
      "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>" +
      std::string(next.empty() ? "false" : "true") +
      "</IsTruncated><NextContinuationToken>" + next +
      "</NextContinuationToken>";
  for (const std::string& key : keys) {
    text += "<Contents><Key>" + key + "</Key><Size>1</Size></Contents>";
  }
  return Server::Status("200 OK", text + "</ListBucketResult>");
}

Result<std::vector<std::string>> KeysOf(ObjectStore& store,
                                        const std::string& prefix) {
  std::vector<std::string> keys;
  const auto listed = store.List(prefix, [&](const ObjectInfo& info) {
    keys.push_back(info.key);
    return Result<>();
  });
  if (!listed) return listed.Failure();
  return keys;
}

TEST(S3Store, ListGoesThroughAllPages) {
  const Server server([](const Server::Request& request) {
    return Server::Reply{
        request.target.find("continuation-token=next%2F1%3D") !=
                std::string::npos
            ? Page({"cam+1/%C3%BC"}, "")
            : Page({"cam%201/", "cam+1/a%2Bb%25", "cam+1/b+c"}, "next/1=")};
  });
  const auto store = StoreAt(server);
  const auto keys = KeysOf(*store, "");
  ASSERT_TRUE(keys) << keys.error().message;
  EXPECT_THAT(*keys, ElementsAre("a+b%", "b c", "ü"));
  EXPECT_EQ(server.requests().at(0).target,
            "/frames/?encoding-type=url&list-type=2&max-keys=1000&"
            "prefix=cam%201%2F");
}

TEST(S3Store, ListRefusesWhatIsNoSuchList) {
  std::string answer;
  const Server server(
      [&](const Server::Request&) { return Server::Reply{answer}; });
  const auto store = StoreAt(server);
  for (const std::string& bad :
       {Page({"cam+1/b", "cam+1/a"}, ""), Page({"other/a"}, ""),
        Page({}, "again"), Server::Status("200 OK", "<html>hello</html>")}) {
    answer = bad;
    const auto keys = KeysOf(*store, "");
    ASSERT_FALSE(keys) << bad;
    EXPECT_EQ(keys.error().code, ErrorCode::kDataLoss) << bad;
  }
}

TEST(S3Store, TheErrorOfEachEndsTheList) {
  const Server server(Server::Answer(Page({"cam+1/a", "cam+1/b"}, "")));
  const auto store = StoreAt(server);
  int calls = 0;
  const auto listed = store->List("", [&](const ObjectInfo&) -> Result<> {
    ++calls;
    return Fail(ErrorCode::kCancelled, "enough");
  });
  EXPECT_EQ(listed.error().message, "enough");
  EXPECT_EQ(calls, 1);
}

TEST(S3Store, CheckTellsWhatIsWrongOnceAndWithoutSecrets) {
  std::string answer;
  const Server server(
      [&](const Server::Request&) { return Server::Reply{answer}; });
  const auto store = StoreAt(server);
  answer = Page({}, "");
  EXPECT_TRUE(store->Check());
  answer = ErrorOf("403 Forbidden", "SignatureDoesNotMatch");
  auto check = store->Check();
  EXPECT_EQ(check.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(check.error().message, AllOf(HasSubstr("AWS_SECRET_ACCESS_KEY"),
                                           Not(HasSubstr("swordfish"))));
  answer = ErrorOf("404 Not Found", "NoSuchBucket");
  check = store->Check();
  EXPECT_EQ(check.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(check.error().message, HasSubstr("no bucket frames at http://"));
  answer = ErrorOf("301 Moved", "PermanentRedirect",
                   "x-amz-bucket-region: eu-west-1\r\n");
  EXPECT_THAT(store->Check().error().message,
              HasSubstr("set AWS_REGION=eu-west-1"));
}

TEST(S3Store, UrlsAndPresignedUrlsLeadToTheObject) {
  const Server server(Server::Answer(Server::Status("200 OK", "picture")));
  const auto store = StoreAt(server);
  EXPECT_EQ(store->root(), "s3://frames/cam 1");
  EXPECT_EQ(store->UrlOf("a b"), server.Address("/frames/cam%201/a%20b"));
  const auto now = ParseUtc("2026-11-25T14:00:00Z").value();
  const auto url = store->PresignedUrl("a b", std::chrono::hours(1), now);
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_THAT(*url, AllOf(HasSubstr("/frames/cam%201/a%20b?X-Amz-Algorithm="),
                          HasSubstr("&X-Amz-Expires=3600&"),
                          Not(HasSubstr("swordfish"))));
  EXPECT_FALSE(store->PresignedUrl("a", std::chrono::hours(7 * 24 + 1), now));
  EXPECT_FALSE(store->PresignedUrl("a", std::chrono::seconds(0), now));
}

TEST(S3Store, WithoutCredentialsThereIsNoStore) {
  const FixedClock clock({});
  const auto store = MakeS3Store(
      "s3://frames", {}, [](const std::string&) { return ""; }, clock);
  EXPECT_EQ(store.error().code, ErrorCode::kPermissionDenied);
  const auto bad = MakeS3Store(
      "s3://x", {}, [](const std::string&) { return ""; }, clock);
  EXPECT_EQ(bad.error().code, ErrorCode::kInvalidArgument);
}

TEST(S3Store, ItsEndCancelsPutsUnderWay) {
  std::promise<void> arrived;
  const Server server([&](const Server::Request&) {
    arrived.set_value();
    return Server::Reply{"", Then::kSilence};
  });
  auto store = StoreAt(server);
  Result<> result;
  store->StartPut(Request("a", "x"),
                  [&](const PutOutcome& outcome) { result = outcome.result; });
  arrived.get_future().wait();
  store.reset();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kCancelled);
}

// Takes uploads in parts as S3 does.
class PartServer {
 public:
  Server::Reply Answer(const Server::Request& request) {
    const std::lock_guard lock(mutex_);
    const auto number = [&] {
      return std::stoi(
          request.target.substr(request.target.find("partNumber=") + 11));
    };
    if (request.target.ends_with("?uploads=")) {
      return {Server::Status("200 OK",
                             "<InitiateMultipartUploadResult><UploadId>id/1"
                             "</UploadId></InitiateMultipartUploadResult>")};
    }
    if (!request.target.ends_with("uploadId=id%2F1")) {
      return {Server::Status("400 No Upload")};
    }
    if (request.method == "DELETE") {
      aborted = true;
      return {"HTTP/1.1 204 No Content\r\n\r\n"};
    }
    if (request.method == "POST") {
      completion = request.body;
      return {complete};
    }
    if (number() == failing_part) return {Server::Status("500 Oh")};
    const bool intact =
        request.Header("x-amz-content-sha256") == Sha256(request.body).ToHex();
    parts[number()] = intact ? request.body : "damaged";
    return {Server::Status("200 OK", "",
                           "ETag: \"e" + std::to_string(number()) + "\"\r\n")};
  }

  std::string complete =
      Server::Status("200 OK", "<CompleteMultipartUploadResult/>");
  int failing_part = 0;
  std::map<int, std::string> parts;
  std::string completion;
  bool aborted = false;

 private:
  std::mutex mutex_;
};

struct LargePut {
  LargePut()
      : server([this](const Server::Request& request) {
          return parts.Answer(request);
        }) {
    ObjectStoreOptions options;
    options.part_bytes = 5 << 20;
    store = StoreAt(server, options);
  }

  PartServer parts;
  const Server server;
  std::unique_ptr<ObjectStore> store;
  const std::vector<std::byte> bytes = RandomBytes((21 << 20) + 3);
};

TEST(S3Store, ALargeBodyGoesInParts) {
  LargePut put;
  const auto outcome = put.store->Put(Request("large", put.bytes));
  ASSERT_TRUE(outcome) << outcome.error().message;
  std::string whole;
  for (const auto& [number, part] : put.parts.parts) whole += part;
  EXPECT_EQ(put.parts.parts.size(), 5u);
  EXPECT_TRUE(Bytes(whole) == put.bytes);
  EXPECT_THAT(put.parts.completion,
              HasSubstr("<PartNumber>5</PartNumber><ETag>\"e5\"</ETag>"));
  EXPECT_FALSE(put.parts.aborted);
}

TEST(S3Store, AFailedPartGivesUpTheOthers) {
  LargePut put;
  put.parts.failing_part = 3;
  const PutOutcome outcome = OutcomeOf(*put.store, Request("large", put.bytes));
  ASSERT_FALSE(outcome.result);
  EXPECT_TRUE(MayTryAgain(outcome.result.error()));
  EXPECT_TRUE(put.parts.aborted);
  EXPECT_EQ(put.parts.completion, "");
}

TEST(S3Store, AnErrorInTheCompletionIsOne) {
  LargePut put;
  put.parts.complete = ErrorOf("200 OK", "InternalError");
  const auto outcome = put.store->Put(Request("large", put.bytes));
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(MayTryAgain(outcome.error()));
  EXPECT_TRUE(put.parts.aborted);
}

TEST(S3Store, ALargeBodyThatIsNotWhatWasAnnouncedIsNotStored) {
  LargePut put;
  PutRequest request = Request("large", put.bytes);
  request.digest = Sha256("other");
  const auto outcome = put.store->Put(std::move(request));
  EXPECT_EQ(outcome.error().code, ErrorCode::kDataLoss);
  EXPECT_TRUE(put.parts.aborted);
  EXPECT_EQ(put.parts.completion, "");
}

}  // namespace
}  // namespace ocelli
