#include "api/field_text.h"

#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/time_util.h>

#include <cstdint>
#include <limits>
#include <optional>

#include "core/parse_number.h"
#include "ocelli/v1/picture.pb.h"

namespace ocelli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::Timestamp;

// For messages: long ones are cut, at the border of a character.
std::string Quoted(std::string_view text) {
  constexpr std::size_t kMost = 60;
  if (text.size() <= kMost) return "\"" + std::string(text) + "\"";
  std::size_t end = kMost;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) {
    --end;
  }
  return "\"" + std::string(text.substr(0, end)) + "...\"";
}

tl::unexpected<Error> NoValue(const FieldDescriptor& field,
                              std::string_view text, const std::string& what) {
  return Fail(ErrorCode::kInvalidArgument,
              field.json_name() + ": " + Quoted(text) + " is not " + what);
}

template <typename Number>
Result<Number> ReadNumber(const FieldDescriptor& field, std::string_view text) {
  const auto number = ParseNumber<Number>(text);
  if (number) return *number;
  if constexpr (std::numeric_limits<Number>::is_integer) {
    return NoValue(field, text,
                   "a whole number from " +
                       std::to_string(std::numeric_limits<Number>::min()) +
                       " to " +
                       std::to_string(std::numeric_limits<Number>::max()));
  }
  return NoValue(field, text, "a number");
}

Result<bool> ReadBool(const FieldDescriptor& field, std::string_view text) {
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return NoValue(field, text, "true or false");
}

Result<const EnumValueDescriptor*> ReadEnum(const FieldDescriptor& field,
                                            std::string_view text) {
  const auto& type = *field.enum_type();
  const EnumValueDescriptor* value = type.FindValueByName(std::string(text));
  if (value) return value;
  std::string known;
  for (int i = 0; i < type.value_count(); ++i) {
    known += (i == 0 ? "one of " : ", ") + type.value(i)->name();
  }
  return NoValue(field, text, known);
}

Result<std::string> ReadText(const FieldDescriptor& field,
                             std::string_view text) {
  if (google::protobuf::internal::IsStructurallyValidUTF8(
          text.data(), static_cast<int>(text.size()))) {
    return std::string(text);
  }
  return Fail(ErrorCode::kInvalidArgument,
              field.json_name() + ": the text is not UTF-8");
}

// Sets the field to `value`, or adds it to the list.
template <typename Value>
Result<> Store(Message& message, const FieldDescriptor& field,
               Result<Value> value,
               void (Reflection::*set)(Message*, const FieldDescriptor*, Value)
                   const,
               void (Reflection::*add)(Message*, const FieldDescriptor*, Value)
                   const) {
  if (!value) return value.Failure();
  const Reflection& reflection = *message.GetReflection();
  (reflection.*(field.is_repeated() ? add : set))(&message, &field,
                                                  std::move(*value));
  return {};
}

Result<> SetTime(Message& message, const FieldDescriptor& field,
                 std::string_view text) {
  Timestamp time;
  if (!google::protobuf::util::TimeUtil::FromString(std::string(text), &time)) {
    return NoValue(field, text, "a time like 2026-01-31T12:00:00Z");
  }
  const Reflection& reflection = *message.GetReflection();
  (field.is_repeated() ? reflection.AddMessage(&message, &field)
                       : reflection.MutableMessage(&message, &field))
      ->CopyFrom(time);
  return {};
}

}  // namespace

const FieldDescriptor* FieldCalled(const Descriptor& type,
                                   std::string_view name) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.json_name() == name || field.name() == name) return &field;
  }
  return nullptr;
}

bool IsImage(const FieldDescriptor& field) {
  return field.message_type() == v1::Image::descriptor() &&
         !field.is_repeated();
}

bool IsPlainField(const FieldDescriptor& field) {
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    return field.message_type() == Timestamp::descriptor();
  }
  return field.type() != FieldDescriptor::TYPE_BYTES;
}

Result<> SetField(Message& message, const FieldDescriptor& field,
                  std::string_view text) {
  using R = Reflection;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return Store(message, field, ReadNumber<std::int32_t>(field, text),
                   &R::SetInt32, &R::AddInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      return Store(message, field, ReadNumber<std::int64_t>(field, text),
                   &R::SetInt64, &R::AddInt64);
    case FieldDescriptor::CPPTYPE_UINT32:
      return Store(message, field, ReadNumber<std::uint32_t>(field, text),
                   &R::SetUInt32, &R::AddUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return Store(message, field, ReadNumber<std::uint64_t>(field, text),
                   &R::SetUInt64, &R::AddUInt64);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Store(message, field, ReadNumber<double>(field, text),
                   &R::SetDouble, &R::AddDouble);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return Store(message, field, ReadNumber<float>(field, text), &R::SetFloat,
                   &R::AddFloat);
    case FieldDescriptor::CPPTYPE_BOOL:
      return Store(message, field, ReadBool(field, text), &R::SetBool,
                   &R::AddBool);
    case FieldDescriptor::CPPTYPE_ENUM:
      return Store(message, field, ReadEnum(field, text), &R::SetEnum,
                   &R::AddEnum);
    case FieldDescriptor::CPPTYPE_STRING:
      return Store(message, field, ReadText(field, text), &R::SetString,
                   &R::AddString);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return SetTime(message, field, text);
  }
  return {};
}

}  // namespace ocelli
