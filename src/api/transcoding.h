#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "http/http_message.h"

namespace ocelli {

// How a request comes in.
enum class BodyKind { kNone, kJson, kPicture, kForm };

// Where the parts of an HTTP request go in a message: {fields} of the path;
// parameters by name ("k=5", "where=a=1&where=b=2" for lists, "image.url=" and
// "metadata.KEY=" for what an Image and a map hold); and a body, which is JSON,
// one picture, or a form with pictures and fields. A parameter says more than
// the body; what the path says must not be said again.
class RequestShape {
 public:
  // `image`: the field that a picture goes into, an Image; empty: none does.
  RequestShape(const google::protobuf::Descriptor& type, std::string_view verb,
               std::string_view path, std::string image);

  const google::protobuf::Descriptor& type() const { return *type_; }
  const std::string& image() const { return image_; }
  // All fields that a picture can go into, by way of a form.
  const std::vector<std::string>& images() const { return images_; }
  const std::vector<std::string>& path_fields() const { return path_fields_; }
  // Whether `verb` comes with a body.
  bool takes_body() const { return takes_body_; }
  bool Takes(BodyKind kind) const;
  // Fields that are parameters, by their names in camelCase.
  std::vector<std::string> parameters() const;

  // From the head alone. Nothing: of a type that is not taken (415); what is
  // says TakenTypes().
  std::optional<BodyKind> KindOf(const HttpHead& head) const;
  std::string TakenTypes() const;

  // How much may come, where a picture has at most so many bytes.
  std::uint64_t MaxBodyBytes(BodyKind kind,
                             std::uint64_t max_image_bytes) const;

  // kInvalidArgument says which part, and what would be right.
  Result<> Read(BodyKind kind, const HttpFields& path, const HttpHead& head,
                std::string body, google::protobuf::Message& request) const;

 private:
  Result<> ReadParameters(const HttpFields& query,
                          google::protobuf::Message& request) const;
  Result<> ReadForm(std::string_view content_type, std::string_view body,
                    google::protobuf::Message& request) const;
  Result<> ReadPath(const HttpFields& path,
                    google::protobuf::Message& request) const;
  // What `name` means in a query or a form, with its text.
  Result<> SetNamed(std::string_view name, std::string_view text,
                    google::protobuf::Message& request) const;
  bool IsInPath(std::string_view field) const;

  const google::protobuf::Descriptor* type_;
  std::string image_;
  std::vector<std::string> images_;
  std::vector<std::string> path_fields_;
  bool takes_body_;
};

// The media type without its parameters, in lower case: "image/jpeg".
std::string MediaType(std::string_view content_type);

// "/v1/people/{name}" has "name".
std::vector<std::string> FieldsOfPath(std::string_view path);

}  // namespace ocelli
