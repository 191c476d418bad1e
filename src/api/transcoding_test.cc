#include "api/transcoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_operations.h"

namespace ocelli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const RequestShape kSearch(*v1::SearchRequest::descriptor(), "POST",
                           "/v1/collections/{name}/search", "image");
const RequestShape kVerify(*v1::VerifyRequest::descriptor(), "POST",
                           "/v1/verify", "");
const RequestShape kPutItem(*v1::PutItemRequest::descriptor(), "PUT",
                            "/v1/collections/{name}/items/{id}", "image");
const RequestShape kPicture(*v1::GetFacePictureRequest::descriptor(), "GET",
                            "/v1/faces/{id}/picture", "");
const RequestShape kKey(*v1::CreateKeyRequest::descriptor(), "POST", "/v1/keys",
                        "");

HttpHead HeadOf(const std::string& type, HttpFields query = {}) {
  HttpHead head;
  if (!type.empty()) {
    head.fields = {{"Content-Type", type}};
    head.content_length = 1;
  }
  head.query = std::move(query);
  return head;
}

template <typename Request>
Result<Request> Read(const RequestShape& shape, const HttpFields& path,
                     const HttpHead& head, std::string body = {}) {
  Request request;
  auto read = shape.Read(shape.KindOf(head).value(), path, head, body, request);
  if (!read) return read.Failure();
  return request;
}

std::string FormOf(
    const std::vector<std::pair<std::string, std::string>>& parts) {
  std::string form;
  for (const auto& [head, content] : parts) {
    form += "--b\r\nContent-Disposition: form-data; " + head + "\r\n\r\n" +
            content + "\r\n";
  }
  return form + "--b--\r\n";
}
constexpr char kFormType[] = "multipart/form-data; boundary=b";

TEST(TranscodingTest, ParametersBecomeFields) {
  const auto request =
      Read<v1::SearchRequest>(kSearch, {{"name", "flags"}},
                              HeadOf("", {{"k", "7"},
                                          {"exact", "true"},
                                          {"text", "a red sun"},
                                          {"where", "region=Asia"},
                                          {"where", "area>5"},
                                          {"vector", "0.5"}}));
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->name(), "flags");
  EXPECT_EQ(request->k(), 7);
  EXPECT_TRUE(request->exact());
  EXPECT_EQ(request->text(), "a red sun");
  EXPECT_THAT(request->where(), ElementsAre("region=Asia", "area>5"));
  EXPECT_THAT(request->vector(), ElementsAre(0.5f));
}

TEST(TranscodingTest, NamesOfTheContractAreTakenToo) {
  EXPECT_EQ(Read<v1::SearchRequest>(kSearch, {{"name", "f"}},
                                    HeadOf("", {{"image.url", "https://x/"}}))
                ->image()
                .url(),
            "https://x/");
  const RequestShape shape(*v1::GetFramePictureRequest::descriptor(), "GET",
                           "/v1/archive/{name}/frames/{seq}/picture", "");
  for (const char* name : {"max_side", "maxSide"}) {
    const auto request = Read<v1::GetFramePictureRequest>(
        shape, {{"name", "a"}, {"seq", "18446744073709551615"}},
        HeadOf("", {{name, "64"}}));
    EXPECT_EQ(request->max_side(), 64);
    EXPECT_EQ(request->seq(), 18446744073709551615u);
  }
}

TEST(TranscodingTest, AMapIsFilledByItsKeys) {
  const auto request = Read<v1::PutItemRequest>(
      kPutItem, {{"name", "flags"}, {"id", "Chad.png"}},
      HeadOf("image/png",
             {{"metadata.region", "Africa"}, {"metadata.a.b", "c"}}),
      "pixels");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->metadata().at("region"), "Africa");
  EXPECT_EQ(request->metadata().at("a.b"), "c");
  EXPECT_EQ(request->image().data(), "pixels");
}

TEST(TranscodingTest, ATimeIsReadAsRfc3339) {
  EXPECT_EQ(Read<v1::CreateKeyRequest>(
                kKey, {}, HeadOf("", {{"expires", "2026-01-01T00:00:00Z"}}))
                ->expires()
                .seconds(),
            1767225600);
}

std::string Refusal(const RequestShape& shape, HttpFields query) {
  const auto request =
      Read<v1::SearchRequest>(shape, {{"name", "f"}}, HeadOf("", query));
  EXPECT_FALSE(request);
  if (request) return "";
  EXPECT_EQ(request.error().code, ErrorCode::kInvalidArgument);
  return request.error().message;
}

TEST(TranscodingTest, AnUnknownParameterIsToldWhichThereAre) {
  EXPECT_THAT(Refusal(kSearch, {{"limit", "1"}}),
              HasSubstr("\"limit\" here; those known are: image.url, text, id, "
                        "vector, k, where, exact"));
}

TEST(TranscodingTest, WhatIsNoValueIsRefused) {
  for (const auto& [name, value] : HttpFields{{"k", "many"},
                                              {"k", ""},
                                              {"k", "1 "},
                                              {"k", "0x1"},
                                              {"k", "2147483648"},
                                              {"exact", "yes"},
                                              {"vector", "nan"},
                                              {"vector", "1e999"},
                                              {"text", "\xff"},
                                              {"image", "x"},
                                              {"image.data", "x"},
                                              {"text.url", "x"},
                                              {"name", "other"},
                                              {"", "x"},
                                              {".", "x"}}) {
    EXPECT_NE(Refusal(kSearch, {{name, value}}), "") << name << "=" << value;
  }
  EXPECT_THAT(Refusal(kSearch, {{"k", "1"}, {"k", "2"}}), HasSubstr("twice"));
}

TEST(TranscodingTest, AnIdInThePathMustBeOne) {
  for (const char* id : {"x", "1.5", "9223372036854775808", " 1"}) {
    EXPECT_EQ(
        Read<v1::GetFacePictureRequest>(kPicture, {{"id", id}}, HeadOf(""))
            .error()
            .code,
        ErrorCode::kInvalidArgument);
  }
}

TEST(TranscodingTest, AParameterSaysMoreThanTheBody) {
  const auto request = Read<v1::SearchRequest>(
      kSearch, {{"name", "f"}},
      HeadOf("application/json; charset=utf-8", {{"k", "9"}, {"where", "x=1"}}),
      "{\"k\": 3, \"where\": [\"a=1\"], \"text\": \"sun\"}");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->k(), 9);
  EXPECT_THAT(request->where(), ElementsAre("x=1"));
  EXPECT_EQ(request->text(), "sun");
}

TEST(TranscodingTest, TheBodyMayNotSayAnotherPath) {
  const auto read = [](std::string body) {
    return Read<v1::SearchRequest>(kSearch, {{"name", "f"}},
                                   HeadOf("application/json"), body);
  };
  EXPECT_TRUE(read("{\"name\": \"f\"}"));
  EXPECT_THAT(read("{\"name\": \"g\"}").error().message,
              HasSubstr("something else than the path"));
}

TEST(TranscodingTest, APictureIsNotCopied) {
  std::string body(1 << 20, 'x');
  const char* const bytes = body.data();
  v1::SearchRequest request;
  ASSERT_TRUE(kSearch.Read(BodyKind::kPicture, {{"name", "f"}},
                           HeadOf("image/jpeg"), std::move(body), request));
  EXPECT_EQ(request.image().data().data(), bytes);
}

TEST(TranscodingTest, AFormHasPicturesAndFields) {
  const auto request = Read<v1::SearchRequest>(
      kSearch, {{"name", "f"}}, HeadOf(kFormType),
      FormOf({{"name=\"k\"", "5"},
              {"name=\"photo\"; filename=\"a.jpg\"", "pixels"}}));
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->k(), 5);
  EXPECT_EQ(request->image().data(), "pixels");
  const auto both = Read<v1::VerifyRequest>(
      kVerify, {}, HeadOf(kFormType),
      FormOf({{"name=\"second\"; filename=\"b\"", "two"},
              {"name=\"first\"", "one"}}));
  ASSERT_TRUE(both) << both.error().message;
  EXPECT_EQ(both->first().data(), "one");
  EXPECT_EQ(both->second().data(), "two");
}

TEST(TranscodingTest, FormsThatMakeNoSenseAreRefused) {
  for (const std::string& form :
       {FormOf({{"name=\"a\"; filename=\"a\"", "1"},
                {"name=\"b\"; filename=\"b\"", "2"}}),
        FormOf({{"name=\"image\"", ""}}), FormOf({{"name=\"nope\"", "1"}}),
        FormOf({{"name=\"name\"", "other"}}),
        FormOf({{"name=\"text\"", "\xff\xfe"}}), std::string("--b\r\n"),
        std::string("no form"), std::string()}) {
    const auto request = Read<v1::SearchRequest>(kSearch, {{"name", "f"}},
                                                 HeadOf(kFormType), form);
    EXPECT_FALSE(request) << form;
  }
  EXPECT_THAT(
      Read<v1::VerifyRequest>(kVerify, {}, HeadOf(kFormType),
                              FormOf({{"name=\"x\"; filename=\"a\"", "1"}}))
          .error()
          .message,
      HasSubstr("files go into: first, second"));
}

TEST(TranscodingTest, OnlyTypesThatARequestTakesComeIn) {
  const auto kind = [](const RequestShape& shape, const std::string& type) {
    return shape.KindOf(HeadOf(type));
  };
  EXPECT_EQ(kind(kSearch, "IMAGE/JPEG"), BodyKind::kPicture);
  EXPECT_EQ(kind(kSearch, "application/octet-stream"), BodyKind::kPicture);
  EXPECT_EQ(kind(kSearch, "application/JSON ;charset=x"), BodyKind::kJson);
  EXPECT_EQ(kind(kSearch, kFormType), BodyKind::kForm);
  EXPECT_EQ(kind(kVerify, "image/jpeg"), std::nullopt);
  EXPECT_EQ(kind(kVerify, kFormType), BodyKind::kForm);
  // A page of another site can send these without asking first.
  EXPECT_EQ(kind(kKey, kFormType), std::nullopt);
  EXPECT_EQ(kind(kKey, "text/plain"), std::nullopt);
  EXPECT_EQ(kind(kKey, "application/x-www-form-urlencoded"), std::nullopt);
  EXPECT_EQ(kind(kPicture, "application/json"), std::nullopt);
  EXPECT_EQ(kSearch.TakenTypes(),
            "application/json, image/*, application/octet-stream, "
            "multipart/form-data");
  HttpHead untyped;
  untyped.content_length = 1;
  EXPECT_EQ(kSearch.KindOf(untyped), std::nullopt);
  untyped.content_length.reset();
  EXPECT_EQ(kSearch.KindOf(untyped), BodyKind::kNone);
  untyped.fields = {{"Transfer-Encoding", "chunked"}};
  EXPECT_EQ(kSearch.KindOf(untyped), std::nullopt);
}

TEST(TranscodingTest, BodiesAreAsLargeAsWhatIsInThem) {
  constexpr std::uint64_t kMost = 30 << 20;
  EXPECT_EQ(kSearch.MaxBodyBytes(BodyKind::kPicture, kMost), kMost);
  EXPECT_GE(kVerify.MaxBodyBytes(BodyKind::kForm, kMost), 2 * kMost);
  EXPECT_GE(kSearch.MaxBodyBytes(BodyKind::kJson, kMost), kMost / 3 * 4);
  EXPECT_EQ(kKey.MaxBodyBytes(BodyKind::kJson, kMost), 1u << 20);
  EXPECT_EQ(kKey.MaxBodyBytes(BodyKind::kNone, kMost), 0u);
}

}  // namespace
}  // namespace ocelli
