// What only the gallery in Redis promises; gallery_contract_test.cc has the
// rest.
#include "faces/redis_gallery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <thread>

#include "faces/gallery_line.h"
#include "faces/gallery_record.h"
#include "faces/redis_gallery_store.h"
#include "faces/test_gallery.h"
#include "redis/test_redis_server.h"

namespace ocelli {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// So seldom that only messages bring news.
constexpr auto kNever = std::chrono::hours(10);

RedisServerOptions Durable() {
  RedisServerOptions options;
  options.append_only = true;
  return options;
}

class RedisGalleryTest : public testing::Test {
 protected:
  void SetUp() override {
    Admin({"FLUSHALL"});
    // Does everything, but nobody hears of it.
    Admin({"ACL", "SETUSER", "mute", "on", ">secret", "~*", "+@all",
           "resetchannels"});
  }

  static RedisReply Admin(std::vector<std::string> words) {
    auto reply = GalleryTestServer().Run(std::move(words));
    EXPECT_TRUE(reply) << reply.error().message;
    return reply ? *reply : RedisReply();
  }

  static Result<std::unique_ptr<Gallery>> TryOpen(
      const std::string& url, const RedisGalleryOptions& options = {},
      MetricsRegistry* metrics = nullptr, const RedisOptions& redis = {}) {
    return OpenRedisGallery(OpenTestRedis(url, redis), Sha256("sface"), options,
                            GalleryTestClock(), metrics);
  }
  static std::unique_ptr<Gallery> Open(const RedisGalleryOptions& options = {},
                                       MetricsRegistry* metrics = nullptr) {
    auto gallery = TryOpen(GalleryTestServer().url(), options, metrics);
    EXPECT_TRUE(gallery) << gallery.error().message;
    return gallery ? std::move(*gallery) : nullptr;
  }
  // Sees only what it asks for itself.
  static std::unique_ptr<Gallery> OpenDeaf(MetricsRegistry* metrics = nullptr) {
    return Open({.check_every = kNever}, metrics);
  }
  static std::unique_ptr<Gallery> OpenMute() {
    return TryOpen(GalleryTestServer().url("mute", "secret")).value();
  }

  static std::string Key(const std::string& name) {
    return "ocelli:g:{default}:" + name;
  }

  // Every byte that Redis has of galleries.
  static std::string RawBytes() {
    std::string bytes;
    for (const auto& key : Admin({"KEYS", "*"}).elements) {
      const bool log = key.text.ends_with(":log");
      const auto all = log ? Admin({"XRANGE", key.text, "-", "+"})
                           : Admin({"HGETALL", key.text});
      AppendAll(all, bytes);
    }
    return bytes;
  }
  static void AppendAll(const RedisReply& reply, std::string& to) {
    to += reply.text;
    for (const auto& element : reply.elements) AppendAll(element, to);
  }

  static bool SoonNamed(const Gallery& gallery, std::size_t axis,
                        const std::string& name) {
    return EventuallyTrue(
        [&] { return Names(gallery, {FaceOf(Direction(axis))}) == name; });
  }
};

TEST_F(RedisGalleryTest, AMessageTellsOthersOfAChange) {
  const auto one = OpenDeaf(), other = Open();
  ASSERT_TRUE(other->Add("A", FaceOf(Direction(0)), Image(1), ""));
  EXPECT_TRUE(SoonNamed(*one, 0, "A"));
  ASSERT_TRUE(other->Remove("A"));
  EXPECT_TRUE(SoonNamed(*one, 0, "-"));
}

TEST_F(RedisGalleryTest, AChangeWhoseMessageWasLostIsFoundByAsking) {
  const auto one = Open({.check_every = milliseconds(20)}), other = OpenMute();
  ASSERT_TRUE(other->Add("A", FaceOf(Direction(0)), Image(1), ""));
  EXPECT_TRUE(SoonNamed(*one, 0, "A"));
}

TEST_F(RedisGalleryTest, IdentifyingAsksNobody) {
  const auto gallery = OpenDeaf();
  ASSERT_TRUE(gallery->Add("A", FaceOf(Direction(0)), Image(1), ""));
  const auto commands = [&] {
    const std::string stats = Admin({"INFO", "commandstats"}).text;
    const auto begin = stats.find("cmdstat_evalsha:calls=");
    return stats.substr(begin, stats.find(',', begin) - begin);
  };
  // The message of its own change wakes it once more.
  std::string before = commands();
  EXPECT_TRUE(EventuallyTrue(
      [&] { return std::exchange(before, commands()) == before; }));
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(Names(*gallery, {FaceOf(Direction(0))}), "A");
  }
  const std::string after = commands();
  // Two at most for the wake-up: not two hundred.
  EXPECT_LE(std::stoi(after.substr(after.find('=') + 1)),
            std::stoi(before.substr(before.find('=') + 1)) + 2);
}

TEST_F(RedisGalleryTest, AChangeThatAnotherOvertookIsWorkedOutAgain) {
  MetricsRegistry metrics;
  const auto one = OpenDeaf(&metrics), other = OpenMute();
  EXPECT_TRUE(SoonNamed(*one, 0, "-"));
  const auto first =
      other->Add("A", FaceOf(Direction(0)), Image(1), "").value();
  const auto second = one->Add("B", FaceOf(Direction(1)), Image(2), "").value();
  EXPECT_GT(second, first);
  EXPECT_THAT(metrics.Text(),
              HasSubstr("ocelli_faces_gallery_conflicts_total 1"));
  EXPECT_EQ(Names(*one, {FaceOf(Direction(0)), FaceOf(Direction(1))}), "A B");
  EXPECT_EQ(other->People()->size(), 2u);

  // By the same rules, with what the other left.
  ASSERT_TRUE(other->Add("C", FaceOf(Direction(2)), Image(3), ""));
  const auto taken = one->Add("D", FaceOf(Direction(2)), Image(3), "");
  EXPECT_EQ(taken.error().code, ErrorCode::kAlreadyExists);
  EXPECT_THAT(taken.error().message, HasSubstr("enrolled as \"C\" (face 3)"));
  EXPECT_EQ(one->People()->size(), 3u) << "D was not made";
}

TEST_F(RedisGalleryTest, WhatIsNotKnownHereYetIsAskedForBeforeItIsRefused) {
  const auto one = OpenDeaf(), other = OpenMute();
  ASSERT_TRUE(other->Add("A", FaceOf(Direction(0)), Image(1), ""));
  EXPECT_TRUE(one->Rename("A", "B"));
  ASSERT_TRUE(other->Add("C", FaceOf(Direction(1)), Image(2), ""));
  EXPECT_EQ(one->FacesOf("C")->size(), 1u);
  ASSERT_TRUE(other->Remove("C"));
  EXPECT_EQ(one->Remove("C").error().code, ErrorCode::kNotFound);
}

TEST_F(RedisGalleryTest, EditorsAtOnceLoseNothingOfEachOther) {
  constexpr int kEditors = 4, kEach = 25;
  std::vector<std::thread> editors;
  std::vector<std::vector<std::int64_t>> ids(kEditors);
  for (int e = 0; e < kEditors; ++e) {
    editors.emplace_back([e, &ids] {
      const auto gallery = Open();
      const std::string name = "P" + std::to_string(e);
      for (int n = 0; n < kEach; ++n) {
        const auto id = gallery->Add(name, FaceOf(TellingVector(n)),
                                     Image(e * 1000 + n), "");
        ASSERT_TRUE(id) << id.error().message;
        ids[static_cast<std::size_t>(e)].push_back(*id);
        // One of five goes again.
        if (n % 5 < 4) continue;
        ASSERT_TRUE(gallery->RemoveFace(*id));
      }
    });
  }
  for (auto& editor : editors) editor.join();
  std::set<std::int64_t> all;
  for (const auto& of_one : ids) all.insert(of_one.begin(), of_one.end());
  EXPECT_EQ(all.size(), static_cast<std::size_t>(kEditors * kEach));
  const auto people = Open()->People().value();
  ASSERT_EQ(people.size(), static_cast<std::size_t>(kEditors));
  for (const auto& person : people) EXPECT_EQ(person.faces, 20u);
}

TEST_F(RedisGalleryTest, AChangeThatIsSentTwiceIsDoneOnce) {
  const RedisGalleryStore store(OpenTestRedis(GalleryTestServer().url()),
                                "default");
  const auto person = [](std::int64_t id, const std::string& name) {
    GalleryWrites writes;
    writes.people[id] = name;
    writes.last_person = id;
    return writes;
  };
  const GalleryState first{1, "first"}, second{2, "second"};
  EXPECT_TRUE(store.Write({}, first, person(1, "A")).value());
  EXPECT_TRUE(store.Write({}, first, person(1, "A")).value());
  EXPECT_TRUE(store.Write(first, second, person(2, "B")).value());
  EXPECT_TRUE(store.Write({}, first, person(1, "A")).value());
  EXPECT_FALSE(store.Write({}, {1, "other"}, person(1, "C")).value());
  const auto now = store.Load().value();
  EXPECT_EQ(now->state, second);
  EXPECT_EQ(now->rows.Summaries({})->size(), 2u);
}

TEST_F(RedisGalleryTest, WhoFellFarBehindReadsEverythingAnew) {
  const auto one = OpenDeaf(), other = OpenMute();
  ASSERT_TRUE(other->Add("A", FaceOf(Direction(0)), Image(1), ""));
  ASSERT_EQ(one->People()->size(), 1u);
  for (int n = 0; n < 1200; ++n) {
    const bool back = n % 2 == 1;
    ASSERT_TRUE(other->Rename(back ? "B" : "A", back ? "A" : "B"));
  }
  ASSERT_TRUE(other->Rename("A", "C"));
  EXPECT_LT(Admin({"XLEN", Key("log")}).integer, 1200);
  EXPECT_EQ(one->People().value()[0].name, "C");
  EXPECT_EQ(Names(*one, {FaceOf(Direction(0))}), "C");
}

// More than one command of Redis takes, and more than the log tells.
TEST_F(RedisGalleryTest, ALargeImportIsOneChange) {
  constexpr int kFaces = 1234;
  std::string file;
  for (int n = 0; n < kFaces; ++n) {
    GalleryLine line;
    line.person = "P" + std::to_string(n / 3);
    line.model = Sha256("sface");
    line.image = Image(n);
    line.box = {1, 2, 3, 4};
    line.descriptor = Direction(static_cast<std::size_t>(n) % 100, 0.1f);
    file += FormatGalleryLine(line) + "\n";
  }
  const auto one = OpenDeaf(), other = OpenMute();
  std::istringstream in(file);
  EXPECT_EQ(other->Import(in).value(), static_cast<std::uint64_t>(kFaces));
  EXPECT_EQ(Admin({"HGET", Key("head"), "version"}).text, "1");
  std::ostringstream out;
  ASSERT_TRUE(one->Export(out));
  EXPECT_EQ(out.str().size(), [&] {
    std::ostringstream same;
    EXPECT_TRUE(other->Export(same));
    return same.str().size();
  }());
  EXPECT_EQ(one->People()->size(), (kFaces + 2) / 3u);
}

TEST_F(RedisGalleryTest, RemovingAPersonLeavesNoByteOfTheirVectors) {
  const auto gallery = Open();
  for (int n = 0; n < 10; ++n) {
    ASSERT_TRUE(gallery->Add(n % 2 == 0 ? "kept" : "gone",
                             FaceOf(TellingVector(n)), Image(n), ""));
  }
  ASSERT_TRUE(gallery->Reject("gone", FaceOf(TellingVector(77)), Image(77)));
  ASSERT_TRUE(HasPartOf(RawBytes(), TellingVector(1)));
  ASSERT_TRUE(HasPartOf(RawBytes(), TellingVector(77)));
  ASSERT_TRUE(gallery->Remove("gone"));
  const std::string after = RawBytes();
  for (int n = 0; n < 10; ++n) {
    EXPECT_EQ(HasPartOf(after, TellingVector(n)), n % 2 == 0);
  }
  EXPECT_FALSE(HasPartOf(after, TellingVector(77)));
  EXPECT_THAT(after, Not(HasSubstr("gone")));
}

TEST_F(RedisGalleryTest, GalleriesOfOtherNamesAreApart) {
  const auto one = Open({.name = "staff"}), other = Open({.name = "guests"});
  ASSERT_TRUE(one->Add("A", FaceOf(Direction(0)), Image(1), ""));
  EXPECT_EQ(other->People()->size(), 0u);
  for (const std::string bad : {"", "a b", "a{b", "ä"}) {
    const auto opened = TryOpen(GalleryTestServer().url(), {.name = bad});
    EXPECT_EQ(opened.error().code, ErrorCode::kInvalidArgument) << bad;
    EXPECT_THAT(opened.error().message, HasSubstr("64 letters"));
  }
}

TEST_F(RedisGalleryTest, HostileRowsAreLeftOut) {
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

TEST_F(RedisGalleryTest, KeysOfAnotherProgramAreRefusedAndLeftAlone) {
  for (const std::string key : {"head", "faces", "people", "log"}) {
    Admin({"FLUSHALL"});
    const auto before = Open();
    Admin({"SET", Key(key), "mine"});
    // The log is read only by who is behind.
    if (key != "log") {
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

TEST_F(RedisGalleryTest, AnotherVersionIsRefused) {
  const auto before = Open();
  ASSERT_TRUE(before->Add("A", FaceOf(Direction(0)), Image(1), ""));
  Admin({"HSET", Key("head"), "format", "ocelli 2"});
  for (const Error& error :
       {TryOpen(GalleryTestServer().url()).error(),
        before->Add("B", FaceOf(Direction(1)), Image(2), "").error()}) {
    EXPECT_EQ(error.code, ErrorCode::kFailedPrecondition);
    EXPECT_THAT(error.message, HasSubstr("another version of ocelli"));
  }
  EXPECT_EQ(Names(*before, {FaceOf(Direction(0))}), "A");
}

TEST_F(RedisGalleryTest, LostOrMadeUpNumbersAreDamage) {
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

TEST_F(RedisGalleryTest, WhatLostRowsIsNotChanged) {
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
TEST_F(RedisGalleryTest, ChangesThatWereLostAreForgottenEverywhere) {
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

TEST_F(RedisGalleryTest, AWrongPasswordIsSaidAndNotShown) {
  const auto opened = TryOpen(GalleryTestServer().url("mute", "wrong-one"),
                              {.may_begin_without = true});
  EXPECT_EQ(opened.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(opened.error().message, Not(HasSubstr("wrong-one")));
}

TEST_F(RedisGalleryTest, AReplicaIsReadAndNotChanged) {
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

TEST_F(RedisGalleryTest, WhenMemoryIsFullPeopleCanOnlyBeRemoved) {
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

TEST_F(RedisGalleryTest, GoesOnWhileRedisIsAwayAndCatchesUp) {
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

TEST_F(RedisGalleryTest, MayBeginBeforeRedisDoes) {
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

TEST_F(RedisGalleryTest, IdentifyingDoesNotWaitForARedisThatHangs) {
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
