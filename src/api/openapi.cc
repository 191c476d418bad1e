#include "api/openapi.h"

#include <google/protobuf/empty.pb.h>

#include <utility>

#include "api/field_text.h"
#include "api/live_watchers.h"
#include "api/openapi_schema.h"
#include "api/problem.h"
#include "core/ascii.h"
#include "ocelli/v1/live.pb.h"
#include "ocelli/v1/picture.pb.h"

namespace ocelli {
namespace {

using google::protobuf::FieldDescriptor;

OrderedJson Text() { return {{"type", "string"}}; }

OrderedJson Object(OrderedJson properties) {
  OrderedJson required = OrderedJson::array();
  for (const auto& [name, schema] : properties.items()) {
    required.push_back(name);
  }
  return {{"type", "object"},
          {"properties", std::move(properties)},
          {"required", std::move(required)}};
}

OrderedJson Content(const std::string& type, OrderedJson schema) {
  return {{type, {{"schema", std::move(schema)}}}};
}

const OrderedJson kAnyBytes = OrderedJson::object();

OrderedJson SchemaOfSession() {
  return Object({{"user", Text()},
                 {"scopes", {{"type", "array"}, {"items", Text()}}},
                 {"csrfToken", Text()},
                 {"expires", {{"type", "string"}, {"format", "date-time"}}}});
}

OrderedJson SchemaOfWho() {
  OrderedJson schema =
      Object({{"kind",
               {{"type", "string"},
                {"enum", {"nobody", "open", "owner", "key", "user"}}}},
              {"name", Text()},
              {"scopes", {{"type", "array"}, {"items", Text()}}},
              {"locked", {{"type", "boolean"}}}});
  // Of a session only.
  schema["properties"]["csrfToken"] = Text();
  schema["properties"]["expires"] = {{"type", "string"},
                                     {"format", "date-time"}};
  return schema;
}

OrderedJson SchemaOfProblem() {
  return Object({{"type", Text()},
                 {"title", Text()},
                 {"status", {{"type", "integer"}}},
                 {"detail", Text()},
                 {"code", Text()},
                 {"requestId", Text()}});
}

// "getPerson", "getV1Session".
std::string OperationId(const RestRoute& route) {
  std::string id;
  if (route.operation) {
    id = route.operation->method->name();
    id[0] = LowerCase(id.substr(0, 1))[0];
    return id;
  }
  id = LowerCase(route.verb);
  bool upper = true;
  for (const char c : route.path) {
    if (c == '/' || c == '{' || c == '}' || c == '.') {
      upper = true;
    } else {
      id +=
          upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      upper = false;
    }
  }
  return id;
}

std::string TagOf(const RestRoute& route) {
  if (route.operation) return route.operation->method->service()->name();
  if (route.path.starts_with("/v1/live")) return "Live";
  return route.path.starts_with("/v1/session") ? "Session" : "Service";
}

class Description {
 public:
  OrderedJson Describe(const std::vector<RestRoute>& routes,
                       std::string_view version) {
    OrderedJson paths = OrderedJson::object();
    for (const RestRoute& route : routes) {
      paths[route.path][LowerCase(route.verb)] = DescribeRoute(route);
    }
    OrderedJson schemas = schemas_.schemas();
    schemas["Problem"] = SchemaOfProblem();
    return {
        {"openapi", "3.1.0"},
        {"info",
         {{"title", "Ocelli"},
          {"version", version},
          {"description",
           "Faces, likeness, archives and live videos. Errors are "
           "application/problem+json. Who comes with the cookie of a session "
           "sends its csrfToken in X-CSRF-Token with everything but GET."}}},
        {"paths", std::move(paths)},
        {"components",
         {{"schemas", std::move(schemas)},
          {"responses",
           {{"Problem",
             {{"description", "What went wrong"},
              {"content",
               Content("application/problem+json",
                       {{"$ref", "#/components/schemas/Problem"}})}}}}},
          {"securitySchemes",
           {{"key", {{"type", "http"}, {"scheme", "bearer"}}},
            {"session",
             {{"type", "apiKey"},
              {"in", "cookie"},
              {"name", "ocelli_session"}}}}}}},
    };
  }

 private:
  OrderedJson DescribeRoute(const RestRoute& route) {
    OrderedJson described = {{"operationId", OperationId(route)},
                             {"tags", {TagOf(route)}},
                             {"summary", route.summary}};
    described["security"] = OrderedJson::array();
    if (route.need) {
      described["security"].push_back({{"key", OrderedJson::array()}});
      described["security"].push_back({{"session", OrderedJson::array()}});
      described["x-ocelli-needs"] = NeedText(*route.need);
    }
    if (route.shape) {
      OrderedJson parameters = Parameters(*route.shape);
      if (!parameters.empty()) described["parameters"] = std::move(parameters);
    }
    OrderedJson body = Body(route);
    if (!body.empty()) {
      described["requestBody"] = {{"content", std::move(body)}};
    }
    described["responses"] = {
        {std::to_string(route.status), Success(route)},
        {"default", {{"$ref", "#/components/responses/Problem"}}}};
    return described;
  }

  static const char* NeedText(Action action) {
    switch (action) {
      case Action::kRead:
        return "read";
      case Action::kWrite:
        return "write";
      case Action::kChangeOwnPassword:
        return "user";
      case Action::kAdminister:
      case Action::kSeeAccess:
      case Action::kManageKeys:
      case Action::kManageUsers:
        return "admin";
    }
    return "";
  }

  OrderedJson Parameters(const RequestShape& shape) {
    OrderedJson parameters = OrderedJson::array();
    for (const std::string& name : shape.path_fields()) {
      parameters.push_back(
          {{"name", name},
           {"in", "path"},
           {"required", true},
           {"schema", schemas_.Of(*shape.type().FindFieldByName(name))}});
    }
    for (const std::string& name : shape.parameters()) {
      const std::size_t dot = std::min(name.find('.'), name.size());
      const FieldDescriptor& field =
          *FieldCalled(shape.type(), name.substr(0, dot));
      if (field.is_map()) continue;  // "metadata.KEY": there is no notation.
      parameters.push_back(
          {{"name", name},
           {"in", "query"},
           {"schema", dot < name.size() ? Text() : schemas_.Of(field)}});
    }
    return parameters;
  }

  OrderedJson Body(const RestRoute& route) {
    if (route.extra == ExtraRoute::kLogIn) {
      return Content("application/json",
                     Object({{"name", Text()}, {"password", Text()}}));
    }
    if (route.extra == ExtraRoute::kChangePassword) {
      return Content("application/json", Object({{"oldPassword", Text()},
                                                 {"newPassword", Text()}}));
    }
    OrderedJson content = OrderedJson::object();
    if (!route.shape || !route.shape->takes_body()) return content;
    const RequestShape& shape = *route.shape;
    content["application/json"] = {
        {"schema", schemas_.ReferenceTo(shape.type())}};
    if (shape.Takes(BodyKind::kPicture)) {
      content["image/*"] = {{"schema", kAnyBytes}};
      content["application/octet-stream"] = {{"schema", kAnyBytes}};
    }
    if (shape.Takes(BodyKind::kForm)) {
      OrderedJson parts = OrderedJson::object();
      for (const std::string& image : shape.images()) parts[image] = kAnyBytes;
      for (const std::string& name : shape.parameters()) {
        if (name.find('.') != name.npos) continue;
        parts[name] = schemas_.Of(*FieldCalled(shape.type(), name));
      }
      content["multipart/form-data"] = {
          {"schema", {{"type", "object"}, {"properties", std::move(parts)}}}};
    }
    return content;
  }

  OrderedJson Success(const RestRoute& route) {
    OrderedJson success = {{"description", std::string(SuccessText(route))}};
    OrderedJson content = SuccessContent(route);
    if (!content.empty()) success["content"] = std::move(content);
    return success;
  }

  static std::string_view SuccessText(const RestRoute& route) {
    if (route.extra == ExtraRoute::kLiveEvents) {
      return "Text messages, a LiveFrame each. With pictures=true binary "
             "ones: the length of the JSON in 4 bytes, the highest first, the "
             "JSON, and the JPEG. Frames that come too fast are skipped.";
    }
    switch (route.status) {
      case 201:
        return "Made";
      case 204:
        return "Done";
      default:
        return "The answer";
    }
  }

  OrderedJson SuccessContent(const RestRoute& route) {
    if (route.operation) {
      const auto& type = *route.operation->method->output_type();
      if (&type == v1::Picture::descriptor()) {
        return Content("image/*", kAnyBytes);
      }
      if (&type == google::protobuf::Empty::descriptor()) return {};
      return Content("application/json", schemas_.ReferenceTo(type));
    }
    switch (*route.extra) {
      case ExtraRoute::kLogIn:
        return Content("application/json", SchemaOfSession());
      case ExtraRoute::kWhoAmI:
        return Content("application/json", SchemaOfWho());
      case ExtraRoute::kAlive:
      case ExtraRoute::kReady:
      case ExtraRoute::kMetrics:
        return Content("text/plain", Text());
      case ExtraRoute::kOpenApi:
        return Content("application/json", {{"type", "object"}});
      case ExtraRoute::kLiveMjpeg:
        return Content("multipart/x-mixed-replace", kAnyBytes);
      case ExtraRoute::kLiveEvents:
        return Content("application/json",
                       schemas_.ReferenceTo(*v1::LiveFrame::descriptor()));
      case ExtraRoute::kLogOut:
      case ExtraRoute::kChangePassword:
        break;
    }
    return {};
  }

  OpenApiSchemas schemas_;
};

}  // namespace

std::string OpenApiJson(const std::vector<RestRoute>& routes,
                        std::string_view version) {
  Description description;
  return description.Describe(routes, version).dump(2) + "\n";
}

}  // namespace ocelli
