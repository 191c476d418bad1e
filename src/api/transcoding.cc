#include "api/transcoding.h"

#include <google/protobuf/text_format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "api/field_text.h"
#include "api/message_json.h"
#include "core/ascii.h"
#include "http/multipart.h"
#include "ocelli/v1/picture.pb.h"

namespace ocelli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// What a request has that is no picture: lists of conditions, vectors.
constexpr std::uint64_t kMaxPlainBytes = 1 << 20;

auto Invalid(std::string message) {
  return Fail(ErrorCode::kInvalidArgument, std::move(message));
}

std::string Joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text.empty() ? "none" : text;
}

void SetPicture(Message& request, const FieldDescriptor& field,
                std::string data) {
  auto& image = static_cast<v1::Image&>(
      *request.GetReflection()->MutableMessage(&request, &field));
  image.set_data(std::move(data));
}

bool IsTextMap(const FieldDescriptor& field) {
  return field.is_map() && field.message_type()->map_key()->cpp_type() ==
                               FieldDescriptor::CPPTYPE_STRING;
}

// Of a map; one of that key is replaced.
Result<> SetEntry(Message& request, const FieldDescriptor& map,
                  std::string_view key, std::string_view text) {
  const FieldDescriptor& key_field = *map.message_type()->map_key();
  const FieldDescriptor& value_field = *map.message_type()->map_value();
  const auto& reflection = *request.GetReflection();
  for (int i = reflection.FieldSize(request, &map); i-- > 0;) {
    Message* const entry = reflection.MutableRepeatedMessage(&request, &map, i);
    if (entry->GetReflection()->GetString(*entry, &key_field) == key) {
      return SetField(*entry, value_field, text);
    }
  }
  Message* const entry = reflection.AddMessage(&request, &map);
  if (auto set = SetField(*entry, key_field, key); !set) return set;
  return SetField(*entry, value_field, text);
}

std::string TextOf(const Message& message, const FieldDescriptor& field) {
  std::string text;
  google::protobuf::TextFormat::PrintFieldValueToString(message, &field, -1,
                                                        &text);
  return text;
}

}  // namespace

std::string MediaType(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  return LowerCase(type);
}

std::vector<std::string> FieldsOfPath(std::string_view path) {
  std::vector<std::string> fields;
  for (std::size_t open = path.find('{'); open != path.npos;
       open = path.find('{', open + 1)) {
    const std::size_t close = path.find('}', open);
    fields.emplace_back(path.substr(open + 1, close - open - 1));
  }
  return fields;
}

RequestShape::RequestShape(const Descriptor& type, std::string_view verb,
                           std::string_view path, std::string image)
    : type_(&type),
      image_(std::move(image)),
      path_fields_(FieldsOfPath(path)),
      takes_body_(verb == "POST" || verb == "PUT" || verb == "PATCH") {
  for (int i = 0; takes_body_ && i < type.field_count(); ++i) {
    if (IsImage(*type.field(i))) images_.push_back(type.field(i)->json_name());
  }
}

bool RequestShape::Takes(BodyKind kind) const {
  switch (kind) {
    case BodyKind::kNone:
      return true;
    case BodyKind::kJson:
      return takes_body_;
    case BodyKind::kPicture:
      return takes_body_ && !image_.empty();
    case BodyKind::kForm:
      return !images_.empty();
  }
  return false;
}

std::vector<std::string> RequestShape::parameters() const {
  std::vector<std::string> names;
  for (int i = 0; i < type_->field_count(); ++i) {
    const FieldDescriptor& field = *type_->field(i);
    if (IsInPath(field.name())) continue;
    if (IsImage(field)) {
      names.push_back(field.json_name() + ".url");
    } else if (IsTextMap(field)) {
      names.push_back(field.json_name() + ".KEY");
    } else if (IsPlainField(field)) {
      names.push_back(field.json_name());
    }
  }
  return names;
}

std::optional<BodyKind> RequestShape::KindOf(const HttpHead& head) const {
  const std::string type = MediaType(head.Field("Content-Type"));
  const bool has_body = head.content_length.value_or(0) > 0 ||
                        !head.Field("Transfer-Encoding").empty();
  std::optional<BodyKind> kind;
  if (!has_body) {
    kind = BodyKind::kNone;
  } else if (type == "application/json") {
    kind = BodyKind::kJson;
  } else if (type.starts_with("image/") || type == "application/octet-stream") {
    kind = BodyKind::kPicture;
  } else if (type == "multipart/form-data") {
    kind = BodyKind::kForm;
  }
  if (kind && !Takes(*kind)) kind.reset();
  return kind;
}

std::string RequestShape::TakenTypes() const {
  if (!takes_body_) return "no body at all";
  std::string types = "application/json";
  if (Takes(BodyKind::kPicture)) types += ", image/*, application/octet-stream";
  if (Takes(BodyKind::kForm)) types += ", multipart/form-data";
  return types;
}

std::uint64_t RequestShape::MaxBodyBytes(BodyKind kind,
                                         std::uint64_t max_image_bytes) const {
  switch (kind) {
    case BodyKind::kNone:
      return 0;
    case BodyKind::kJson:  // Pictures in it are base64.
      return kMaxPlainBytes +
             images_.size() * (max_image_bytes / 3 * 4 + max_image_bytes % 3);
    case BodyKind::kPicture:
      return max_image_bytes;
    case BodyKind::kForm:
      return kMaxPlainBytes + images_.size() * max_image_bytes;
  }
  return 0;
}

Result<> RequestShape::Read(BodyKind kind, const HttpFields& path,
                            const HttpHead& head, std::string body,
                            Message& request) const {
  Result<> read;
  switch (kind) {
    case BodyKind::kNone:
      break;
    case BodyKind::kJson:
      read = ReadMessageJson(body, request);
      break;
    case BodyKind::kPicture:
      if (body.empty()) return Invalid("an empty picture");
      SetPicture(request, *type_->FindFieldByName(image_), std::move(body));
      break;
    case BodyKind::kForm:
      read = ReadForm(head.Field("Content-Type"), body, request);
      break;
  }
  if (read) read = ReadParameters(head.query, request);
  if (read) read = ReadPath(path, request);
  return read;
}

bool RequestShape::IsInPath(std::string_view field) const {
  return std::find(path_fields_.begin(), path_fields_.end(), field) !=
         path_fields_.end();
}

Result<> RequestShape::ReadParameters(const HttpFields& query,
                                      Message& request) const {
  std::set<std::string> seen;
  for (const auto& [name, text] : query) {
    const FieldDescriptor* const field = FieldCalled(*type_, name);
    const bool is_list = field && field->is_repeated();
    const bool is_first = seen.insert(field ? field->name() : name).second;
    if (!is_first && !is_list) {
      return Invalid("the parameter \"" + name + "\" comes twice");
    }
    if (is_first && is_list && IsPlainField(*field)) {
      request.GetReflection()->ClearField(&request, field);
    }
    if (auto set = SetNamed(name, text, request); !set) return set;
  }
  return {};
}

Result<> RequestShape::SetNamed(std::string_view name, std::string_view text,
                                Message& request) const {
  const std::size_t dot = std::min(name.find('.'), name.size());
  const FieldDescriptor* const field = FieldCalled(*type_, name.substr(0, dot));
  const std::string_view below =
      dot < name.size() ? name.substr(dot + 1) : std::string_view();
  if (field && !IsInPath(field->name())) {
    if (dot == name.size() && IsPlainField(*field)) {
      return SetField(request, *field, text);
    }
    if (IsImage(*field) && below == "url") {
      auto& image = *request.GetReflection()->MutableMessage(&request, field);
      return SetField(image, *v1::Image::descriptor()->FindFieldByName("url"),
                      text);
    }
    if (IsTextMap(*field) && !below.empty()) {
      return SetEntry(request, *field, below, text);
    }
  }
  return Invalid("there is no parameter \"" + std::string(name) +
                 "\" here; those known are: " + Joined(parameters()));
}

Result<> RequestShape::ReadForm(std::string_view content_type,
                                std::string_view body, Message& request) const {
  const auto parts = ParseMultipart(content_type, body);
  if (!parts) return parts.Failure("reading the form");
  std::set<std::string> pictures;
  for (const FormPart& part : *parts) {
    const FieldDescriptor* field = FieldCalled(*type_, part.name);
    // A file by any other name goes where a picture would without a form.
    if (!part.file_name.empty() && (!field || !IsImage(*field))) {
      field = image_.empty() ? nullptr : type_->FindFieldByName(image_);
      if (!field) {
        return Invalid("the form has a file called \"" + part.name +
                       "\"; files go into: " + Joined(images_));
      }
    }
    if (field && IsImage(*field)) {
      if (!pictures.insert(field->name()).second) {
        return Invalid("the form has more than one picture for \"" +
                       field->json_name() + "\"");
      }
      if (part.content.empty()) {
        return Invalid("the picture \"" + part.name + "\" is empty");
      }
      SetPicture(request, *field, std::string(part.content));
    } else if (auto set = SetNamed(part.name, part.content, request); !set) {
      return set.Failure("reading the form");
    }
  }
  return {};
}

Result<> RequestShape::ReadPath(const HttpFields& path,
                                Message& request) const {
  const std::unique_ptr<Message> nothing(request.New());
  for (const auto& [name, text] : path) {
    const FieldDescriptor& field = *type_->FindFieldByName(name);
    const std::string before = TextOf(request, field);
    if (auto set = SetField(request, field, text); !set) return set;
    if (before != TextOf(*nothing, field) && before != TextOf(request, field)) {
      return Invalid(field.json_name() +
                     ": the body says something else than the path");
    }
  }
  return {};
}

}  // namespace ocelli
