#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "core/result.h"

namespace ocelli {

// The field of that name, in camelCase or as the .proto writes it; null: there
// is none.
const google::protobuf::FieldDescriptor* FieldCalled(
    const google::protobuf::Descriptor& type, std::string_view name);

bool IsImage(const google::protobuf::FieldDescriptor& field);

// What text can say: numbers, bools, texts, enums, points in time, and lists of
// them; not bytes, messages and maps.
bool IsPlainField(const google::protobuf::FieldDescriptor& field);

// Sets a plain field from text, or adds to a list. kInvalidArgument: it says no
// such value.
Result<> SetField(google::protobuf::Message& message,
                  const google::protobuf::FieldDescriptor& field,
                  std::string_view text);

}  // namespace ocelli
