#include "faces/gallery_line.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "faces/gallery_matching.h"
#include "faces/gallery_name.h"

namespace ocelli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr std::size_t kMaxSourceBytes = 4096;
constexpr double kMaxPixels = 1e6;

// The double with the shortest text that still reads as `value`: 0.1, not
// 0.10000000149011612.
double Shortest(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  double result = 0;
  std::from_chars(text, end, result);
  return result;
}

auto Bad(const std::string& what) {
  return Fail(ErrorCode::kInvalidArgument, what);
}

Result<std::string> StringAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) {
    return Bad(std::string(key) + " is missing or no text");
  }
  return found->get_ref<const std::string&>();
}

Result<Digest> DigestAt(const Json& object, const char* key) {
  const auto text = StringAt(object, key);
  if (!text) return text.Failure();
  const auto digest = Digest::FromHex(*text);
  if (!digest) return Bad(std::string(key) + " is no SHA-256");
  return *digest;
}

// A number between `low` and `high`.
Result<double> NumberIn(const Json& value, const std::string& name, double low,
                        double high) {
  if (!value.is_number()) return Bad(name + " is missing or no number");
  const double number = value.get<double>();
  if (!(number >= low && number <= high)) return Bad(name + " is out of range");
  return number;
}

// The numbers that `object` holds under `key`, as floats.
Result<> NumbersAt(const Json& object, const char* key, double low, double high,
                   std::initializer_list<std::pair<const char*, float*>> to) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_object()) {
    return Bad(std::string(key) + " is missing or no object");
  }
  for (const auto& [name, value] : to) {
    const auto number = NumberIn(found->value(name, Json()),
                                 std::string(key) + "." + name, low, high);
    if (!number) return number.Failure();
    *value = static_cast<float>(*number);
  }
  return {};
}

Result<std::vector<float>> DescriptorAt(const Json& object) {
  const auto found = object.find("descriptor");
  if (found == object.end() || !found->is_array()) {
    return Bad("descriptor is missing or no list");
  }
  if (found->size() > kMaxDescriptorValues) {
    return Bad("descriptor has " + std::to_string(found->size()) + " values");
  }
  constexpr double kLimit = std::numeric_limits<float>::max();
  std::vector<float> values;
  for (const Json& value : *found) {
    const auto number =
        NumberIn(value, "descriptor[" + std::to_string(values.size()) + "]",
                 -kLimit, kLimit);
    if (!number) return number.Failure();
    values.push_back(static_cast<float>(*number));
  }
  if (!values.empty() && !Normalize(values)) {
    return Bad("descriptor can't be scaled to unit length");
  }
  return values;
}

}  // namespace

std::string FormatGalleryLine(const GalleryLine& line) {
  Json json{{"type", line.rejected ? "rejection" : "face"},
            {"version", kVersion},
            {"person", line.person},
            {"model", line.model.ToHex()},
            {"image", line.image.ToHex()},
            {"box",
             {{"x", Shortest(line.box.x)},
              {"y", Shortest(line.box.y)},
              {"width", Shortest(line.box.width)},
              {"height", Shortest(line.box.height)}}}};
  if (!line.rejected) {
    json["source"] = line.source;
    json["quality"] = {{"size", Shortest(line.quality.size)},
                       {"sharpness", Shortest(line.quality.sharpness)},
                       {"frontality", Shortest(line.quality.frontality)},
                       {"overall", Shortest(line.quality.overall)}};
  }
  json["created"] = line.created;
  if (!line.picture.empty()) json["picture"] = FormatFacePicture(line.picture);
  Json& descriptor = json["descriptor"] = Json::array();
  for (const float value : line.descriptor) {
    descriptor.push_back(Shortest(value));
  }
  // File names may hold bytes that are not UTF-8: they become U+FFFD.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<GalleryLine> ParseGalleryLine(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Bad("no JSON object");
  GalleryLine line;
  const auto type = StringAt(json, "type");
  if (!type) return type.Failure();
  if (*type != "face" && *type != "rejection") return Bad("unknown type");
  line.rejected = *type == "rejection";
  if (json.value("version", Json()) != kVersion) {
    return Bad("version is not " + std::to_string(kVersion));
  }

  const auto person = StringAt(json, "person");
  if (!person) return person.Failure();
  if (auto valid = CheckPersonName(*person); !valid) return valid.Failure();
  line.person = *person;
  const auto model = DigestAt(json, "model");
  if (!model) return model.Failure();
  line.model = *model;
  const auto image = DigestAt(json, "image");
  if (!image) return image.Failure();
  line.image = *image;
  if (auto box = NumbersAt(json, "box", -kMaxPixels, kMaxPixels,
                           {{"x", &line.box.x},
                            {"y", &line.box.y},
                            {"width", &line.box.width},
                            {"height", &line.box.height}});
      !box) {
    return box.Failure();
  }
  if (line.box.area() <= 0) return Bad("box is empty");

  if (!line.rejected) {
    const auto source = StringAt(json, "source");
    if (!source) return source.Failure();
    if (source->size() > kMaxSourceBytes) return Bad("source is too long");
    line.source = *source;
    if (auto quality = NumbersAt(json, "quality", 0, 1,
                                 {{"size", &line.quality.size},
                                  {"sharpness", &line.quality.sharpness},
                                  {"frontality", &line.quality.frontality},
                                  {"overall", &line.quality.overall}});
        !quality) {
      return quality.Failure();
    }
  }
  const auto created =
      NumberIn(json.value("created", Json()), "created", 0, 1e11);
  if (!created) return created.Failure();
  line.created = static_cast<std::int64_t>(*created);
  if (json.contains("picture") && !line.rejected) {
    const auto encoded = StringAt(json, "picture");
    if (!encoded) return encoded.Failure();
    auto picture = ParseFacePicture(*encoded);
    if (!picture) return picture.Failure();
    line.picture = std::move(*picture);
  }
  auto descriptor = DescriptorAt(json);
  if (!descriptor) return descriptor.Failure();
  if (descriptor->empty() && !line.rejected) return Bad("descriptor is empty");
  line.descriptor = std::move(*descriptor);
  return line;
}

}  // namespace ocelli
