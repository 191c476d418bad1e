#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "core/result.h"

namespace ocelli {

// One line: protobuf's JSON mapping with the names in camelCase. Numbers,
// bools, texts, enums and lists are written also where they are 0, false or
// empty; messages that are missing are left out; 64-bit integers are texts.
// As protobuf's own writer does it with always_print_primitive_fields, but with
// no more digits than a float needs, and in a tenth of the time. Bytes that are
// not UTF-8 become U+FFFD.
std::string MessageJson(const google::protobuf::Message& message);

// Protobuf's JSON mapping; camelCase and the names of the .proto are taken.
// kInvalidArgument, in one line: not JSON, deeper than 100 levels, not UTF-8,
// fields that there are not, values of another kind.
Result<> ReadMessageJson(std::string_view json,
                         google::protobuf::Message& message);

}  // namespace ocelli
