#include "service/operation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "service/test_service.h"

namespace ocelli {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using testing::Contains;
using testing::HasSubstr;

// Every method of the contract.
std::vector<const MethodDescriptor*> AllMethods() {
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  std::vector<const MethodDescriptor*> methods;
  for (const char* name :
       {"Vision", "People", "Collections", "Archive", "Live", "System"}) {
    const auto* service =
        pool->FindServiceByName(std::string("ocelli.v1.") + name);
    for (int i = 0; service && i < service->method_count(); ++i) {
      methods.push_back(service->method(i));
    }
  }
  return methods;
}

Result<> CallEmpty(const Operation& operation, const CallContext& context) {
  const std::unique_ptr<Message> request(operation.request->New());
  const std::unique_ptr<Message> response(operation.response->New());
  return Call(operation, context, *request, *response);
}

TEST(OperationTest, EveryMethodWithARouteIsThere) {
  const TestService service;
  EXPECT_GT(AllMethods().size(), 40u);
  for (const MethodDescriptor* method : AllMethods()) {
    const v1::Route& route = method->options().GetExtension(v1::route);
    const bool streams =
        method->client_streaming() || method->server_streaming();
    EXPECT_EQ(route.verb().empty(), streams) << method->full_name();
    EXPECT_EQ(
        service.service->operations().Find(method->full_name()) != nullptr,
        !streams)
        << method->full_name();
  }
}

TEST(OperationTest, NobodyIsRefusedEverywhere) {
  const TestService service;
  CallContext context;
  context.client = "127.0.0.1";
  for (const Operation& operation : service.service->operations().all()) {
    const auto answer = CallEmpty(operation, context);
    ASSERT_FALSE(answer) << operation.name();
    EXPECT_EQ(answer.error().code, ErrorCode::kUnauthenticated)
        << operation.name();
  }
}

TEST(OperationTest, EachRightOpensWhatItIsForAndNoMore) {
  const TestService service;
  constexpr std::pair<Scope, std::set<v1::Route::Need> (*)()> kRights[] = {
      {Scope::kRead, [] { return std::set{v1::Route::READ}; }},
      {Scope::kWrite, [] { return std::set{v1::Route::WRITE}; }},
      {Scope::kAdmin,
       [] {
         return std::set{v1::Route::READ, v1::Route::WRITE, v1::Route::ADMIN};
       }},
  };
  for (const auto& [scope, opens] : kRights) {
    for (const Operation& operation : service.service->operations().all()) {
      const auto answer = CallEmpty(operation, service.ContextOf(scope));
      const bool refused =
          !answer && answer.error().code == ErrorCode::kPermissionDenied;
      EXPECT_EQ(refused, opens().count(operation.route().need()) == 0)
          << operation.name() << " with " << Scopes(scope).ToText() << ": "
          << (answer ? "done" : answer.error().message);
    }
  }
}

TEST(OperationTest, WhoeverIsGoneIsNotAnswered) {
  TestService service;
  service.stop.request_stop();
  for (const Operation& operation : service.service->operations().all()) {
    const auto answer = CallEmpty(operation, service.ContextOf(Scope::kAdmin));
    ASSERT_FALSE(answer) << operation.name();
    EXPECT_EQ(answer.error().code, ErrorCode::kCancelled) << operation.name();
  }
}

// Fills every text, number and list of a request with `text` and `number`.
void FillAll(Message& message, const std::string& text, std::int64_t number,
             int depth = 0) {
  using google::protobuf::FieldDescriptor;
  const auto* descriptor = message.GetDescriptor();
  const auto* reflection = message.GetReflection();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    if (field->is_map()) continue;
    const bool many = field->is_repeated();
    if (many && field->cpp_type() != FieldDescriptor::CPPTYPE_STRING &&
        field->cpp_type() != FieldDescriptor::CPPTYPE_FLOAT) {
      continue;
    }
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        many ? reflection->AddString(&message, field, text)
             : reflection->SetString(&message, field, text);
        break;
      case FieldDescriptor::CPPTYPE_INT32:
        reflection->SetInt32(&message, field, static_cast<int>(number));
        break;
      case FieldDescriptor::CPPTYPE_INT64:
        reflection->SetInt64(&message, field, number);
        break;
      case FieldDescriptor::CPPTYPE_UINT32:
        reflection->SetUInt32(&message, field,
                              static_cast<std::uint32_t>(number));
        break;
      case FieldDescriptor::CPPTYPE_UINT64:
        reflection->SetUInt64(&message, field,
                              static_cast<std::uint64_t>(number));
        break;
      case FieldDescriptor::CPPTYPE_FLOAT:
        reflection->AddFloat(&message, field,
                             std::numeric_limits<float>::quiet_NaN());
        break;
      case FieldDescriptor::CPPTYPE_MESSAGE:
        if (depth < 4) {
          FillAll(*reflection->MutableMessage(&message, field), text, number,
                  depth + 1);
        }
        break;
      default:
        break;
    }
  }
}

TEST(OperationTest, HostileTextsAndNumbersAreErrorsThatStaySmall) {
  TestService service;
  for (const std::string& text :
       {std::string(10'000'000, 'a'), std::string("../../etc/passwd"),
        std::string("\0\x01\x7f\n", 4), std::string("\xff\xfe not UTF-8"),
        std::string("nobody")}) {
    for (const std::int64_t number :
         {std::int64_t{-1}, std::numeric_limits<std::int64_t>::max(),
          std::numeric_limits<std::int64_t>::min()}) {
      for (const Operation& operation : service.service->operations().all()) {
        if (operation.request->GetDescriptor()->field_count() == 0) continue;
        const std::unique_ptr<Message> request(operation.request->New());
        const std::unique_ptr<Message> response(operation.response->New());
        FillAll(*request, text, number);
        const auto answer = Call(operation, service.ContextOf(Scope::kAdmin),
                                 *request, *response);
        ASSERT_FALSE(answer)
            << operation.name() << " of " << text.substr(0, 20);
        EXPECT_NE(answer.error().code, ErrorCode::kInternal)
            << operation.name() << ": " << answer.error().message;
        EXPECT_LE(answer.error().message.size(), 2048u) << operation.name();
        EXPECT_FALSE(answer.error().message.empty()) << operation.name();
      }
    }
  }
}

}  // namespace
}  // namespace ocelli
