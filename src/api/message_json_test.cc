#include "api/message_json.h"

#include <gmock/gmock.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "api/test_operations.h"

namespace ocelli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using ::testing::HasSubstr;
using ::testing::Not;

// Every field set, lists twice, to something that looks different each time.
void Fill(Message& message, int depth, int& count) {
  const auto& reflection = *message.GetReflection();
  const auto& type = *message.GetDescriptor();
  if (&type == google::protobuf::Timestamp::descriptor()) {
    auto& time = static_cast<google::protobuf::Timestamp&>(message);
    time.set_seconds(1'700'000'000 + ++count);
    time.set_nanos(count % 3 * 5'000'000);
    return;
  }
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    for (int n = 0; n < (field.is_repeated() ? 2 : 1); ++n) {
      ++count;
      const bool list = field.is_repeated();
      const auto set = [&](auto one, auto add, auto value) {
        (reflection.*(list ? add : one))(&message, &field, value);
      };
      using R = google::protobuf::Reflection;
      switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_INT32:
          set(&R::SetInt32, &R::AddInt32, -count);
          break;
        case FieldDescriptor::CPPTYPE_UINT32:
          set(&R::SetUInt32, &R::AddUInt32, 3000000000u);
          break;
        case FieldDescriptor::CPPTYPE_INT64:
          set(&R::SetInt64, &R::AddInt64, std::int64_t{-9007199254740993});
          break;
        case FieldDescriptor::CPPTYPE_UINT64:
          set(&R::SetUInt64, &R::AddUInt64,
              std::numeric_limits<std::uint64_t>::max());
          break;
        case FieldDescriptor::CPPTYPE_FLOAT:
          // Few digits: protobuf writes more of them than are needed.
          set(&R::SetFloat, &R::AddFloat, 0.125f * static_cast<float>(count));
          break;
        case FieldDescriptor::CPPTYPE_DOUBLE:
          set(&R::SetDouble, &R::AddDouble, 1e-7 * count);
          break;
        case FieldDescriptor::CPPTYPE_BOOL:
          set(&R::SetBool, &R::AddBool, true);
          break;
        case FieldDescriptor::CPPTYPE_ENUM:
          set(&R::SetEnumValue, &R::AddEnumValue, 1);
          break;
        case FieldDescriptor::CPPTYPE_STRING:
          set(&R::SetString, &R::AddString,
              "\"\\\n\x01/ Åsa 😀 " + std::to_string(count));
          break;
        case FieldDescriptor::CPPTYPE_MESSAGE:
          if (depth == 0) break;
          Fill(*(list ? reflection.AddMessage(&message, &field)
                      : reflection.MutableMessage(&message, &field)),
               depth - 1, count);
          break;
      }
    }
  }
}

nlohmann::json ByProtobuf(const Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string text;
  EXPECT_TRUE(
      google::protobuf::util::MessageToJsonString(message, &text, options)
          .ok());
  return nlohmann::json::parse(text);
}

TEST(MessageJsonTest, SaysOfEveryAnswerWhatProtobufsOwnWriterSays) {
  int messages = 0;
  const OperationTable table = AllOperations({});
  for (const Operation& operation : table.all()) {
    for (const Message* prototype : {operation.request, operation.response}) {
      const std::unique_ptr<Message> message(prototype->New());
      EXPECT_EQ(nlohmann::json::parse(MessageJson(*message)),
                ByProtobuf(*message));
      int count = 0;
      Fill(*message, 5, count);
      EXPECT_EQ(nlohmann::json::parse(MessageJson(*message)),
                ByProtobuf(*message));
      ++messages;
    }
  }
  EXPECT_GT(messages, 80);
}

TEST(MessageJsonTest, WhatIsWrittenIsReadBack) {
  v1::RecognizeResponse message;
  int count = 0;
  Fill(message, 5, count);
  v1::RecognizeResponse back;
  ASSERT_TRUE(ReadMessageJson(MessageJson(message), back));
  EXPECT_EQ(back.SerializeAsString(), message.SerializeAsString());
}

TEST(MessageJsonTest, NumbersThatAreNoneAreTexts) {
  v1::VerifyResponse message;
  message.set_similarity(std::nanf(""));
  message.set_threshold(-std::numeric_limits<float>::infinity());
  EXPECT_EQ(nlohmann::json::parse(MessageJson(message)), ByProtobuf(message));
}

TEST(MessageJsonTest, BytesOfAnyLengthAreBase64) {
  for (const char* bytes : {"", "a", "ab", "abc", "\xff\xfe\xfd\xfc"}) {
    v1::Picture message;
    message.set_data(bytes);
    EXPECT_EQ(nlohmann::json::parse(MessageJson(message)), ByProtobuf(message));
  }
}

TEST(MessageJsonTest, WhatIsNotUtf8IsStillJson) {
  v1::CollectionItem message;
  message.set_id("a\xff\"b");
  (*message.mutable_metadata())["k\xff\""] = "v";
  const auto json = nlohmann::json::parse(MessageJson(message));
  EXPECT_EQ(json["id"], "a\ufffd\"b");
  EXPECT_EQ(json["metadata"]["k\ufffd\""], "v");
}

std::string Refusal(std::string_view json) {
  v1::SearchRequest message;
  const auto read = ReadMessageJson(json, message);
  EXPECT_FALSE(read);
  if (read) return "";
  EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(read.error().message, Not(HasSubstr("\n")));
  return read.error().message;
}

TEST(MessageJsonTest, UnknownFieldsAreNamed) {
  EXPECT_THAT(Refusal("{\"texxt\": 1}"), HasSubstr("texxt"));
}

TEST(MessageJsonTest, RefusesWhatIsNoJson) {
  for (const char* json :
       {"", "{", "[]", "1", "null x", "{\"k\": }", "{\"k\": \"many\"}",
        "{\"k\": 1e99}", "{\"image\": {\"data\": \"!\"}}", "{\"k\":1}{",
        "{\"text\": \"\xff\"}", "{\"where\": {\"a\": 1}}"}) {
    EXPECT_NE(Refusal(json), "") << json;
  }
}

TEST(MessageJsonTest, BracketsInTextsAreNoLevels) {
  v1::SearchRequest message;
  ASSERT_TRUE(ReadMessageJson(
      "{\"text\": \"\\\"" + std::string(1000, '[') + "\\\\\", \"k\": 5}",
      message));
  EXPECT_EQ(message.k(), 5);
}

TEST(MessageJsonTest, RefusesWhatIsDeep) {
  constexpr int kLevels = 10'000;
  std::string open, close;
  for (int i = 0; i < kLevels; ++i) open += "{\"image\":", close += "}";
  Refusal(open + "1" + close);
  Refusal(open);
  Refusal(std::string(kLevels, '['));
  Refusal("{\"a]\\\"'\": '}\"', \"where\":" + std::string(kLevels, '['));
  Refusal("{\"where\":" + std::string(kLevels, '[') +
          std::string(kLevels, ']') + "}");
}

}  // namespace
}  // namespace ocelli
