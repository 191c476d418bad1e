// Bad values, wrong addresses, and a Redis that is full, hangs or is killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "faces/gallery_record.h"
#include "faces/test_redis_gallery.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class RedisGalleryFaultsTest : public RedisGalleryTest {};

TEST_F(RedisGalleryFaultsTest, HostileRowsAreLeftOut) {
  ASSERT_TRUE(Open()->Add("A", FaceOf(Direction(0)), Image(1), ""));
  const std::string good = Admin({"HGET", Key("faces"), "1"}).text;
  FaceRow stranger = ParseFaceRecord(good).value();
  stranger.person = 77;
  const std::pair<std::string, std::string> rows[] = {
      {"2", "rubbish"},
      {"3", good.substr(0, good.size() - 1)},
      {"4", good + "x"},
      {"5", FormatFaceRecord(stranger)},
      {"6", std::string(100'000, 'x')},
      {"7", ""},
      {"abc", good},
      {"-1", good},
      {"99999999999999999999", good},
      {std::string(5000, '1'), good}};
  for (const auto& [id, value] : rows) {
    Admin({"HSET", Key("faces"), id, value});
  }
  Admin({"HSET", Key("people"), "2", "bad\nname"});
  Admin({"HSET", Key("people"), "3", std::string(100'000, 'x')});
  Admin({"HSET", Key("head"), "faces", "11", "people", "3"});
  testing::internal::CaptureStderr();
  const auto gallery = Open();
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0))}), "A");
  EXPECT_EQ(gallery->People()->size(), 1u);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("are left out"));
  EXPECT_THAT(log, HasSubstr("faces=6 one_of_them=2"));
  // Their ids are not given again.
  EXPECT_GT(gallery->Add("B", FaceOf(Direction(1)), Image(2), "").value(), 7);
  EXPECT_EQ(Names(*Open(), {FaceOf(Direction(1))}), "B");
}

TEST_F(RedisGalleryFaultsTest, KeysOfAnotherProgramAreRefusedAndLeftAlone) {
  for (const std::string key : {"head", "faces", "people", "log", "pictures"}) {
    Admin({"FLUSHALL"});
    const auto before = Open();
    Admin({"SET", Key(key), "mine"});
    // The log is read only by who is behind, pictures one by one.
    if (key != "log" && key != "pictures") {
      const auto opened = TryOpen(GalleryTestServer().url());
      EXPECT_EQ(opened.error().code, ErrorCode::kFailedPrecondition) << key;
      EXPECT_THAT(opened.error().message,
                  AllOf(HasSubstr("gallery default of redis://"),
                        HasSubstr("another program uses this key")));
    }
    EXPECT_EQ(before->Add("A", FaceOf(Direction(0)), Image(1), "").error().code,
              ErrorCode::kFailedPrecondition)
        << key;
    EXPECT_EQ(Admin({"GET", Key(key)}).text, "mine");
    EXPECT_EQ(Admin({"DBSIZE"}).integer, 1) << key;
  }
}

TEST_F(RedisGalleryFaultsTest, AnotherVersionIsRefused) {
  const auto before = Open();
  ASSERT_TRUE(before->Add("A", FaceOf(Direction(0)), Image(1), ""));
  Admin({"HSET", Key("head"), "format", "ocelli 3"});
  for (const Error& error :
       {TryOpen(GalleryTestServer().url()).error(),
        before->Add("B", FaceOf(Direction(1)), Image(2), "").error()}) {
    EXPECT_EQ(error.code, ErrorCode::kFailedPrecondition);
    EXPECT_THAT(error.message, HasSubstr("another version of ocelli"));
  }
  EXPECT_EQ(Names(*before, {FaceOf(Direction(0))}), "A");
}

TEST_F(RedisGalleryFaultsTest, LostOrMadeUpNumbersAreDamage) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"DEL", Key("faces")},
           {"DEL", Key("head")},
           {"DEL", Key("people")},
           {"HDEL", Key("head"), "faces"},
           {"HSET", Key("head"), "version", "x"},
           {"HSET", Key("head"), "face", "-3"},
           {"HSET", Key("head"), "person", "1e300"},
           {"HSET", Key("head"), "token", std::string(1000, 'x')}}) {
    Admin({"FLUSHALL"});
    const auto before = Open();
    ASSERT_TRUE(before->Add("A", FaceOf(Direction(0)), Image(1), ""));
    Admin(words);
    const auto opened = TryOpen(GalleryTestServer().url());
    ASSERT_FALSE(opened) << words[2];
    EXPECT_EQ(opened.error().code, ErrorCode::kDataLoss);
    EXPECT_THAT(opened.error().message, HasSubstr("maxmemory-policy"));
    EXPECT_EQ(Names(*before, {FaceOf(Direction(0))}), "A");
  }
}

TEST_F(RedisGalleryFaultsTest, WhatLostRowsIsNotChanged) {
  for (const std::string key : {"head", "faces", "people"}) {
    Admin({"FLUSHALL"});
    const auto before = OpenDeaf();
    ASSERT_TRUE(before->Add("A", FaceOf(Direction(0)), Image(1), ""));
    Admin({"DEL", Key(key)});
    EXPECT_EQ(before->Add("B", FaceOf(Direction(1)), Image(2), "").error().code,
              ErrorCode::kDataLoss)
        << key;
    EXPECT_EQ(Admin({"EXISTS", Key(key)}).integer, 0);
  }
}

// As after a failover to a replica that had not heard of them.
TEST_F(RedisGalleryFaultsTest, ChangesThatWereLostAreForgottenEverywhere) {
  const auto one = OpenDeaf(), other = OpenMute();
  ASSERT_TRUE(other->Add("lost", FaceOf(Direction(0)), Image(1), ""));
  ASSERT_EQ(one->People()->size(), 1u);
  Admin({"FLUSHALL"});
  ASSERT_TRUE(other->Add("kept", FaceOf(Direction(1)), Image(2), ""));
  EXPECT_EQ(Admin({"HGET", Key("head"), "version"}).text, "1");
  EXPECT_EQ(one->People().value()[0].name, "kept");
  EXPECT_EQ(Names(*one, {FaceOf(Direction(0)), FaceOf(Direction(1))}),
            "- kept");
}

TEST_F(RedisGalleryFaultsTest, AWrongPasswordIsSaidAndNotShown) {
  const auto opened = TryOpen(GalleryTestServer().url("mute", "wrong-one"),
                              {.may_begin_without = true});
  EXPECT_EQ(opened.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(opened.error().message, Not(HasSubstr("wrong-one")));
}

TEST_F(RedisGalleryFaultsTest, AReplicaIsReadAndNotChanged) {
  RedisServer replica;
  const auto gallery = TryOpen(replica.url()).value();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  // Of a master that is not there: it keeps what it has.
  ASSERT_TRUE(replica.Run({"REPLICAOF", "127.0.0.1", "1"}));
  const auto added = gallery->Add("B", FaceOf(Direction(1)), Image(2), "");
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::kFailedPrecondition)
      << added.error().message;
  EXPECT_THAT(added.error().message, HasSubstr("replica"));
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0)), FaceOf(Direction(1))}),
            "A -");
}

TEST_F(RedisGalleryFaultsTest, WhenMemoryIsFullPeopleCanOnlyBeRemoved) {
  RedisServer small;
  const auto gallery = TryOpen(small.url()).value();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  ASSERT_TRUE(gallery->Add("B", FaceOf(Direction(1)), Image(2), ""));
  ASSERT_TRUE(small.Run({"CONFIG", "SET", "maxmemory", "1"}));
  const auto added = gallery->Add("C", FaceOf(Direction(2)), Image(3), "");
  EXPECT_EQ(added.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(added.error().message, HasSubstr("maxmemory"));
  EXPECT_EQ(gallery->People()->size(), 2u);
  EXPECT_TRUE(gallery->Remove("A"));
  ASSERT_TRUE(small.Run({"CONFIG", "SET", "maxmemory", "0"}));
  EXPECT_EQ(TryOpen(small.url()).value()->People()->size(), 1u);
}

TEST_F(RedisGalleryFaultsTest, GoesOnWhileRedisIsAwayAndCatchesUp) {
  RedisServer server(Durable());
  MetricsRegistry metrics;
  const auto gallery = TryOpen(server.url(), {.check_every = milliseconds(10)},
                               &metrics, {.breaker_open = milliseconds(10)})
                           .value();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  testing::internal::CaptureStderr();
  server.Kill();
  const auto failures = [&] {
    EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0))}), "A");
    const std::string text = metrics.Text();
    const std::string name = "\nocelli_faces_gallery_refresh_failures_total ";
    return std::stoi(text.substr(text.find(name) + name.size()));
  };
  EXPECT_TRUE(EventuallyTrue([&] { return failures() > 3; }));
  const auto added = gallery->Add("B", FaceOf(Direction(1)), Image(2), "");
  EXPECT_EQ(added.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(added.error().message,
              HasSubstr("changing the gallery default of redis://127.0.0.1:"));
  EXPECT_EQ(gallery->People().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0)), FaceOf(Direction(1))}),
            "A -");

  server.Restart();
  ASSERT_TRUE(TryOpen(server.url()).value()->Rename("A", "C"));
  EXPECT_TRUE(SoonNamed(*gallery, 0, "C"));
  EXPECT_TRUE(gallery->Add("B", FaceOf(Direction(1)), Image(2), ""));
  const std::string log = testing::internal::GetCapturedStderr();
  const std::string away = "going on with what is known";
  EXPECT_THAT(log, AllOf(HasSubstr(away), HasSubstr("can be read again")));
  EXPECT_EQ(log.find(away), log.rfind(away)) << "said once";
}

TEST_F(RedisGalleryFaultsTest, MayBeginBeforeRedisDoes) {
  RedisServer server(Durable());
  ASSERT_TRUE(TryOpen(server.url())
                  .value()
                  ->Add("A", FaceOf(Direction(0)), Image(1), ""));
  server.Kill();
  EXPECT_EQ(TryOpen(server.url()).error().code, ErrorCode::kUnavailable);
  const auto gallery =
      TryOpen(server.url(),
              {.may_begin_without = true, .check_every = milliseconds(10)},
              nullptr, {.breaker_open = milliseconds(10)})
          .value();
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0))}), "-");
  EXPECT_EQ(gallery->Add("B", FaceOf(Direction(1)), Image(2), "").error().code,
            ErrorCode::kUnavailable);
  server.Restart();
  EXPECT_TRUE(SoonNamed(*gallery, 0, "A"));
}

TEST_F(RedisGalleryFaultsTest, IdentifyingDoesNotWaitForARedisThatHangs) {
  RedisServer server;
  const auto gallery = TryOpen(server.url(), {.check_every = milliseconds(1)},
                               nullptr, {.answer_timeout = milliseconds(300)})
                           .value();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  server.Pause();
  const auto added = gallery->Add("B", FaceOf(Direction(1)), Image(2), "");
  EXPECT_EQ(added.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_THAT(added.error().message, HasSubstr("look before doing it again"));
  EXPECT_EQ(Names(*gallery, {FaceOf(Direction(0))}), "A");
  server.Resume();
  // Done or not, doing it again is safe.
  EXPECT_TRUE(EventuallyTrue([&] {
    return gallery->Add("B", FaceOf(Direction(1)), Image(2), "").has_value();
  }));
  EXPECT_EQ(gallery->FacesOf("B")->size(), 1u);
}

// What is written here has reached the replica of the same slots.
bool Replicated(RedisCluster& cluster, std::size_t master) {
  const auto field = [&](std::size_t node, const std::string& name) {
    const auto info = cluster.node(node).Run({"INFO", "replication"});
    if (!info) return std::string();
    const auto at = info->text.find(name + ":");
    if (at == std::string::npos) return std::string();
    return info->text.substr(at, info->text.find("\r\n", at) - at)
        .substr(name.size() + 1);
  };
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    if (field(i, "master_port") ==
        std::to_string(cluster.node(master).port())) {
      return field(i, "slave_repl_offset") ==
             field(master, "master_repl_offset");
    }
  }
  return false;
}

TEST(RedisClusterGalleryTest, PeopleOutliveAMasterThatIsKilled) {
  RedisCluster& cluster = GalleryTestCluster();
  const auto open = [&] {
    return OpenRedisGallery(
               OpenTestRedis(cluster.url(),
                             {.patience = std::chrono::seconds(30)}),
               Sha256("sface"), {.name = "failover"})
        .value();
  };
  const auto one = open(), other = open();
  ASSERT_TRUE(one->Add("A", FaceOf(Direction(0)), Image(1), ""));
  EXPECT_TRUE(EventuallyTrue(
      [&] { return Names(*other, {FaceOf(Direction(0))}) == "A"; }));
  const std::size_t master = cluster.MasterOf("ocelli:g:{failover}:head");
  ASSERT_TRUE(EventuallyTrue([&] { return Replicated(cluster, master); }));
  cluster.node(master).Kill();
  EXPECT_EQ(Names(*other, {FaceOf(Direction(0))}), "A");
  const auto added = one->Add("B", FaceOf(Direction(1)), Image(2), "");
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_TRUE(EventuallyTrue([&] {
    return Names(*other, {FaceOf(Direction(0)), FaceOf(Direction(1))}) == "A B";
  }));
  cluster.node(master).Restart();
  EXPECT_TRUE(cluster.WaitUntilWhole());
}

}  // namespace
}  // namespace ocelli
