#include "api/web_assets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/rest_call.h"

namespace ocelli {
namespace {

using ::testing::HasSubstr;

constexpr WebAsset kAssets[] = {
    {"/assets/index-B2cX9_a1.js", "\"aa\"", "script", "packed"},
    {"/icon.png", "\"bb\"", "pixels", ""},
    {"/index.html", "\"cc\"", "page", "packed page"},
};
const WebAssets kPage(kAssets);

std::string Field(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.fields) {
    if (key == name) return value;
  }
  return {};
}

HttpResponse Get(std::string_view path, HttpFields fields = {}) {
  HttpHead head;
  head.fields = std::move(fields);
  const WebAsset* const asset = kPage.Find(path);
  EXPECT_TRUE(asset) << path;
  return WebAssets::Serve(*asset, head);
}

TEST(WebAssetsTest, FilesComeWithTypeAndTag) {
  const auto script = Get("/assets/index-B2cX9_a1.js");
  EXPECT_EQ(script.constant_body, "script");
  EXPECT_EQ(Field(script, "Content-Type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(Field(script, "ETag"), "\"aa\"");
  EXPECT_THAT(Field(script, "Cache-Control"), HasSubstr("immutable"));
  EXPECT_EQ(Field(Get("/icon.png"), "Content-Type"), "image/png");
  EXPECT_EQ(Field(Get("/index.html"), "Cache-Control"), "no-cache");
}

TEST(WebAssetsTest, WhoTakesGzipGetsThePackedCopy) {
  for (const char* accepted : {"gzip", "br, GZIP;q=0.5", "deflate , gzip"}) {
    const auto response = Get("/", {{"Accept-Encoding", accepted}});
    EXPECT_EQ(response.constant_body, "packed page") << accepted;
    EXPECT_EQ(Field(response, "Content-Encoding"), "gzip");
    EXPECT_EQ(Field(response, "ETag"), "\"cc-gzip\"");
    EXPECT_EQ(Field(response, "Vary"), "Accept-Encoding");
  }
  for (const char* accepted : {"", "br", "gzip;q=0", "gzip; q=0.0", "xgzip"}) {
    EXPECT_EQ(Get("/", {{"Accept-Encoding", accepted}}).constant_body, "page");
  }
  EXPECT_EQ(Get("/icon.png", {{"Accept-Encoding", "gzip"}}).constant_body,
            "pixels");
}

TEST(WebAssetsTest, WhatIsKnownIsNotSentAgain) {
  const auto response = Get("/", {{"If-None-Match", "\"cc\""}});
  EXPECT_EQ(response.status, 304);
  EXPECT_FALSE(response.constant_body);
  EXPECT_EQ(Get("/", {{"If-None-Match", "\"cc\""}, {"Accept-Encoding", "gzip"}})
                .status,
            200);
}

TEST(WebAssetsTest, PathsOfThePageAreThePage) {
  for (const char* path : {"/", "/people", "/people/Ada", "/live/cam 1"}) {
    EXPECT_EQ(Get(path).constant_body, "page") << path;
  }
  for (const char* path :
       {"/v1", "/v1/people", "/v1/", "/icon.svg", "/../etc/passwd.txt", "/.env",
        "/assets/index.js", "/index.html/x.y"}) {
    EXPECT_EQ(kPage.Find(path), nullptr) << path;
  }
}

TEST(WebAssetsTest, OnlyNamesWithAHashNeverChange) {
  EXPECT_TRUE(HasHashedName("/assets/a-12345678.css"));
  for (const char* path :
       {"/a-12345678.css", "/assets/a.css", "/assets/a-123.css",
        "/assets/-1234567.css", "/assets/a-1234567$.css", "/assets/", ""}) {
    EXPECT_FALSE(HasHashedName(path)) << path;
  }
}

TEST(WebAssetsTest, ThePageIsBuiltIn) {
  const WebAssets built_in;
  const WebAsset* const page = built_in.Find("/");
  ASSERT_TRUE(page);
  EXPECT_THAT(std::string(page->bytes), HasSubstr("<title>"));
  EXPECT_EQ(page->gzip.substr(0, 2), "\x1f\x8b");
  EXPECT_EQ(page->etag.size(), 34u);
}

TEST(WebAssetsTest, AnswersForbidWhatThePageDoesNotNeed) {
  HttpResponse response;
  response.fields = {{"Content-Security-Policy", "its own"}};
  AddSecurityFields(response);
  EXPECT_EQ(Field(response, "Content-Security-Policy"), "its own");
  EXPECT_EQ(Field(response, "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(Field(response, "Referrer-Policy"), "no-referrer");
  EXPECT_EQ(Field(response, "X-Frame-Options"), "DENY");
  EXPECT_EQ(Field(response, "Cross-Origin-Opener-Policy"), "same-origin");
  HttpResponse other;
  AddSecurityFields(other);
  EXPECT_THAT(Field(other, "Content-Security-Policy"),
              HasSubstr("default-src 'self'; img-src 'self' data: blob:"));
}

}  // namespace
}  // namespace ocelli
