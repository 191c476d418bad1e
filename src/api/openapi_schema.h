#pragma once

#include <google/protobuf/descriptor.h>

#include <nlohmann/json.hpp>

namespace ocelli {

// In the order in which it is built, so that it reads well.
using OrderedJson = nlohmann::ordered_json;

// JSON schemas of protobuf messages, as their JSON mapping writes them. Those
// that are asked for, and what they hold, become members of schemas().
class OpenApiSchemas {
 public:
  // {"$ref": "#/components/schemas/..."}.
  OrderedJson ReferenceTo(const google::protobuf::Descriptor& type);
  // Of a field's value; of a list's element if so asked.
  OrderedJson Of(const google::protobuf::FieldDescriptor& field,
                 bool element = false);
  const OrderedJson& schemas() const { return schemas_; }

 private:
  OrderedJson schemas_ = OrderedJson::object();
};

}  // namespace ocelli
