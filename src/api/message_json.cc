#include "api/message_json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "recognize/json_line.h"

namespace ocelli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string Base64(std::string_view bytes) {
  constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8 |
              (j < have ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += j <= have ? kDigits[group >> (18 - 6 * j) & 63] : '=';
    }
  }
  return text;
}

template <typename Real>
void WriteReal(JsonLine& line, Real value) {
  if (std::isfinite(value)) {
    line.Value(value);
  } else if (std::isnan(value)) {
    line.Value(std::string_view("NaN"));
  } else {
    line.Value(std::string_view(value > 0 ? "Infinity" : "-Infinity"));
  }
}

template <typename Integer>
void WriteLong(JsonLine& line, Integer value) {
  char digits[24];
  const char* const end =
      std::to_chars(digits, digits + sizeof(digits), value).ptr;
  line.Value(std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

void WriteMessage(JsonLine& line, const Message& message);

// `at`: of a repeated field; below 0: the field is one value.
void WriteValue(JsonLine& line, const Message& message,
                const Reflection& reflection, const FieldDescriptor& field,
                int at) {
  const auto get = [&](auto one, auto repeated) {
    return at < 0 ? (reflection.*one)(message, &field)
                  : (reflection.*repeated)(message, &field, at);
  };
  using R = Reflection;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      line.Value(get(&R::GetInt32, &R::GetRepeatedInt32));
      return;
    case FieldDescriptor::CPPTYPE_UINT32:
      line.Value(get(&R::GetUInt32, &R::GetRepeatedUInt32));
      return;
    case FieldDescriptor::CPPTYPE_INT64:
      WriteLong(line, get(&R::GetInt64, &R::GetRepeatedInt64));
      return;
    case FieldDescriptor::CPPTYPE_UINT64:
      WriteLong(line, get(&R::GetUInt64, &R::GetRepeatedUInt64));
      return;
    case FieldDescriptor::CPPTYPE_FLOAT:
      WriteReal(line, get(&R::GetFloat, &R::GetRepeatedFloat));
      return;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      WriteReal(line, get(&R::GetDouble, &R::GetRepeatedDouble));
      return;
    case FieldDescriptor::CPPTYPE_BOOL:
      line.Literal(get(&R::GetBool, &R::GetRepeatedBool) ? "true" : "false");
      return;
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int number = get(&R::GetEnumValue, &R::GetRepeatedEnumValue);
      const auto* const known = field.enum_type()->FindValueByNumber(number);
      if (known) {
        line.Value(std::string_view(known->name()));
      } else {
        line.Value(number);
      }
      return;
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string scratch;
      const std::string& text =
          at < 0 ? reflection.GetStringReference(message, &field, &scratch)
                 : reflection.GetRepeatedStringReference(message, &field, at,
                                                         &scratch);
      if (field.type() == FieldDescriptor::TYPE_BYTES) {
        line.Value(std::string_view(Base64(text)));
      } else {
        line.Value(std::string_view(text));
      }
      return;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      WriteMessage(line,
                   at < 0 ? reflection.GetMessage(message, &field)
                          : reflection.GetRepeatedMessage(message, &field, at));
      return;
  }
}

void WriteMap(JsonLine& line, const Message& message,
              const Reflection& reflection, const FieldDescriptor& field) {
  // In the order of the keys, so that the same map is the same text.
  std::vector<std::pair<std::string, const Message*>> entries;
  const FieldDescriptor& key = *field.message_type()->map_key();
  const FieldDescriptor& value = *field.message_type()->map_value();
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    entries.emplace_back(entry.GetReflection()->GetString(entry, &key), &entry);
  }
  std::sort(entries.begin(), entries.end());
  line.Open('{');
  for (const auto& [name, entry] : entries) {
    line.Key(name);
    WriteValue(line, *entry, *entry->GetReflection(), value, -1);
  }
  line.Close('}');
}

void WriteMessage(JsonLine& line, const Message& message) {
  using google::protobuf::Timestamp;
  const auto& type = *message.GetDescriptor();
  if (&type == Timestamp::descriptor()) {
    const auto& time = static_cast<const Timestamp&>(message);
    line.Value(
        std::string_view(google::protobuf::util::TimeUtil::ToString(time)));
    return;
  }
  const Reflection& reflection = *message.GetReflection();
  line.Open('{');
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.has_presence() && !reflection.HasField(message, &field)) continue;
    line.Name(field.json_name());
    if (field.is_map()) {
      WriteMap(line, message, reflection, field);
    } else if (field.is_repeated()) {
      line.Open('[');
      const int size = reflection.FieldSize(message, &field);
      for (int at = 0; at < size; ++at) {
        WriteValue(line, message, reflection, field, at);
      }
      line.Close(']');
    } else {
      WriteValue(line, message, reflection, field, -1);
    }
  }
  line.Close('}');
}

// Whether lists and objects are within each other at most so often. Protobuf
// counts objects only: a megabyte of '[' would be 1,000,000 levels of its
// stack.
bool IsDeeperThan(std::size_t levels, std::string_view json) {
  std::size_t depth = 0;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '"' || c == '\'') {  // Protobuf takes both for quotes.
      for (++i; i < json.size() && json[i] != c; ++i) i += json[i] == '\\';
    } else if (c == '[' || c == '{') {
      if (++depth > levels) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

}  // namespace

std::string MessageJson(const Message& message) {
  JsonLine line;
  WriteMessage(line, message);
  return line.Take();
}

Result<> ReadMessageJson(std::string_view json, Message& message) {
  constexpr std::size_t kMostLevels = 100;
  if (IsDeeperThan(kMostLevels, json)) {
    return Fail(ErrorCode::kInvalidArgument,
                "reading the JSON: it is deeper than 100 levels");
  }
  const auto read = google::protobuf::util::JsonStringToMessage(
      {json.data(), json.size()}, &message);
  if (read.ok()) return {};
  // Its messages show the place with a line that points at it.
  std::string why(read.message().data(), read.message().size());
  why.resize(std::min(why.find('\n'), why.size()));
  return Fail(ErrorCode::kInvalidArgument, "reading the JSON: " + why);
}

}  // namespace ocelli
