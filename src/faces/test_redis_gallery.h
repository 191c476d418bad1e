#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "faces/redis_gallery.h"
#include "faces/test_gallery.h"
#include "redis/test_redis_server.h"

namespace ocelli {

// So seldom that only messages bring news.
inline constexpr auto kNever = std::chrono::hours(10);

inline RedisServerOptions Durable() {
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

}  // namespace ocelli
