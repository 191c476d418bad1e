#include "api/openapi_schema.h"

#include <google/protobuf/timestamp.pb.h>

#include <string>

namespace ocelli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// "RecognizeResponse"; of a nested one "SearchResponse.Hit".
std::string NameOf(const Descriptor& type) {
  return type.full_name().substr(type.file()->package().size() + 1);
}

OrderedJson SchemaOfScalar(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return {{"type", "integer"}, {"format", "int32"}};
    case FieldDescriptor::CPPTYPE_UINT32:
      return {{"type", "integer"}, {"format", "uint32"}, {"minimum", 0}};
    // A JavaScript number can't hold them.
    case FieldDescriptor::CPPTYPE_INT64:
      return {
          {"type", "string"}, {"format", "int64"}, {"pattern", "^-?[0-9]+$"}};
    case FieldDescriptor::CPPTYPE_UINT64:
      return {
          {"type", "string"}, {"format", "uint64"}, {"pattern", "^[0-9]+$"}};
    case FieldDescriptor::CPPTYPE_FLOAT:
      return {{"type", "number"}, {"format", "float"}};
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return {{"type", "number"}, {"format", "double"}};
    case FieldDescriptor::CPPTYPE_BOOL:
      return {{"type", "boolean"}};
    case FieldDescriptor::CPPTYPE_ENUM: {
      OrderedJson names = OrderedJson::array();
      for (int i = 0; i < field.enum_type()->value_count(); ++i) {
        names.push_back(field.enum_type()->value(i)->name());
      }
      return {{"type", "string"}, {"enum", names}};
    }
    case FieldDescriptor::CPPTYPE_STRING:
      if (field.type() == FieldDescriptor::TYPE_BYTES) {
        return {{"type", "string"}, {"contentEncoding", "base64"}};
      }
      return {{"type", "string"}};
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return OrderedJson::object();
}

}  // namespace

OrderedJson OpenApiSchemas::ReferenceTo(const Descriptor& type) {
  const std::string name = NameOf(type);
  if (!schemas_.contains(name)) {
    schemas_[name] = OrderedJson::object();  // It may hold itself.
    OrderedJson properties = OrderedJson::object();
    for (int i = 0; i < type.field_count(); ++i) {
      properties[type.field(i)->json_name()] = Of(*type.field(i));
    }
    schemas_[name] = {{"type", "object"},
                      {"properties", std::move(properties)},
                      {"additionalProperties", false}};
  }
  return {{"$ref", "#/components/schemas/" + name}};
}

OrderedJson OpenApiSchemas::Of(const FieldDescriptor& field, bool element) {
  if (field.is_map()) {
    return {{"type", "object"},
            {"additionalProperties", Of(*field.message_type()->map_value())}};
  }
  if (field.is_repeated() && !element) {
    return {{"type", "array"}, {"items", Of(field, true)}};
  }
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    return SchemaOfScalar(field);
  }
  if (field.message_type() == google::protobuf::Timestamp::descriptor()) {
    return {{"type", "string"}, {"format", "date-time"}};
  }
  return ReferenceTo(*field.message_type());
}

}  // namespace ocelli
