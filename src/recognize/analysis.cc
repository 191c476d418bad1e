#include "recognize/analysis.h"

#include <google/protobuf/arena.h>
#include <ocelli/v1/analysis.pb.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "recognize/face_message.h"
#include "recognize/json_line.h"
#include "recognize/wire_reader.h"

namespace ocelli {
namespace {

constexpr unsigned kMaxSide = 1 << 20;
constexpr std::size_t kMaxDescriptor = 4096;
constexpr std::size_t kMeshPoints = 478;
constexpr std::size_t kMeshPointsWithoutIrises = 468;

// Fields 1, 2, ... of a message of floats; one that is missing is 0.
bool ReadReals(std::string_view bytes, std::span<float> values) {
  WireReader reader(bytes);
  while (reader.Next()) {
    const std::size_t at = reader.field() - 1;
    if (at < values.size() && reader.Is(reader.field(), WireReader::kFixed32)) {
      values[at] = reader.real();
    }
  }
  return reader.ok() &&
         std::all_of(values.begin(), values.end(),
                     [](float value) { return std::isfinite(value); });
}

bool ReadPoint(std::string_view bytes, PointF& point) {
  float values[2] = {};
  if (!ReadReals(bytes, values)) return false;
  point = {values[0], values[1]};
  return true;
}

bool ReadPoint(std::string_view bytes, Point3F& point) {
  float values[3] = {};
  // Nearly all of them: x, y and z in their order, none of them 0.
  if (bytes.size() == 15 && bytes[0] == '\x0d' && bytes[5] == '\x15' &&
      bytes[10] == '\x1d') {
    std::memcpy(&values[0], &bytes[1], sizeof(float));
    std::memcpy(&values[1], &bytes[6], sizeof(float));
    std::memcpy(&values[2], &bytes[11], sizeof(float));
    if (!std::isfinite(values[0]) || !std::isfinite(values[1]) ||
        !std::isfinite(values[2])) {
      return false;
    }
  } else if (!ReadReals(bytes, values)) {
    return false;
  }
  point = {values[0], values[1], values[2]};
  return true;
}

bool ReadDescriptor(std::string_view bytes, std::vector<float>& descriptor) {
  if (bytes.size() % sizeof(float) != 0 ||
      bytes.size() / sizeof(float) > kMaxDescriptor) {
    return false;
  }
  descriptor.resize(bytes.size() / sizeof(float));
  if (!bytes.empty()) {
    std::memcpy(descriptor.data(), bytes.data(), bytes.size());
  }
  return std::all_of(descriptor.begin(), descriptor.end(),
                     [](float value) { return std::isfinite(value); });
}

// ocelli.v1.Face. False where it holds what no model of ours can have made.
bool ReadFace(std::string_view bytes, Face& face) {
  WireReader reader(bytes);
  std::size_t keypoints = 0;
  float numbers[4] = {};
  while (reader.Next()) {
    if (reader.Is(v1::Face::kScoreFieldNumber, WireReader::kFixed32)) {
      face.score = reader.real();
      continue;
    }
    if (!reader.Is(reader.field(), WireReader::kBytes)) continue;
    switch (reader.field()) {
      case v1::Face::kBoxFieldNumber:
        std::fill(std::begin(numbers), std::end(numbers), 0.f);
        if (!ReadReals(reader.bytes(), numbers)) return false;
        face.box = {numbers[0], numbers[1], numbers[2], numbers[3]};
        break;
      case v1::Face::kKeypointsFieldNumber:
        if (keypoints == face.keypoints.size() ||
            !ReadPoint(reader.bytes(), face.keypoints[keypoints++])) {
          return false;
        }
        break;
      case v1::Face::kMeshFieldNumber:
        if (face.mesh.empty()) face.mesh.reserve(kMeshPoints);
        if (face.mesh.size() == kMeshPoints ||
            !ReadPoint(reader.bytes(), face.mesh.emplace_back())) {
          return false;
        }
        break;
      case v1::Face::kFaceDescriptorFieldNumber:
        if (!ReadDescriptor(reader.bytes(), face.descriptor)) return false;
        break;
      case v1::Face::kQualityFieldNumber:
        std::fill(std::begin(numbers), std::end(numbers), 0.f);
        if (!ReadReals(reader.bytes(), numbers)) return false;
        face.quality = {numbers[0], numbers[1], numbers[2], numbers[3]};
        break;
      default:  // Of a later version.
        break;
    }
  }
  return reader.ok() && std::isfinite(face.score) &&
         keypoints == face.keypoints.size() &&
         (face.mesh.empty() || face.mesh.size() == kMeshPoints ||
          face.mesh.size() == kMeshPointsWithoutIrises);
}

void WritePoint(JsonLine& line, const PointF& point) {
  line.Open('{').Member("x", point.x).Member("y", point.y).Close('}');
}

void WritePoint(JsonLine& line, const Point3F& point) {
  line.Open('{').Member("x", point.x).Member("y", point.y);
  line.Member("z", point.z).Close('}');
}

void WriteFace(JsonLine& line, const Face& face, const Identity* person,
               const AnalysisJsonOptions& options) {
  line.Open('{').Name("box").Open('{');
  line.Member("x", face.box.x).Member("y", face.box.y);
  line.Member("width", face.box.width).Member("height", face.box.height);
  line.Close('}').Member("score", face.score);
  line.Name("keypoints").Open('[');
  for (const PointF& point : face.keypoints) WritePoint(line, point);
  line.Close(']');
  if (options.mesh) {
    line.Name("mesh").Open('[');
    for (const Point3F& point : face.mesh) WritePoint(line, point);
    line.Close(']');
  }
  if (options.descriptors) {
    line.Name("descriptor").Open('[');
    for (const float value : face.descriptor) line.Value(value);
    line.Close(']');
  }
  line.Name("quality").Open('{');
  line.Member("size", face.quality.size);
  line.Member("sharpness", face.quality.sharpness);
  line.Member("frontality", face.quality.frontality);
  line.Member("overall", face.quality.overall).Close('}');
  if (person) {
    line.Name("person").Open('{');
    line.Member("name", std::string_view(person->name));
    line.Member("similarity", person->similarity).Close('}');
  }
  line.Close('}');
}

}  // namespace

std::string SerializeAnalysis(const Analysis& analysis) {
  google::protobuf::Arena arena;
  auto& message = *google::protobuf::Arena::CreateMessage<v1::Analysis>(&arena);
  message.set_digest(analysis.digest.ToHex());
  message.set_width(static_cast<std::uint32_t>(analysis.width));
  message.set_height(static_cast<std::uint32_t>(analysis.height));
  for (const Face& face : analysis.faces) {
    WriteFace(face, {}, *message.add_faces());
  }
  return message.SerializeAsString();
}

Result<Analysis> ParseAnalysis(std::string_view bytes) {
  const auto damaged = [] {
    return Fail(ErrorCode::kDataLoss, "not the result of an analysis");
  };
  // By hand: protobuf takes as long for one mesh as Redis for the value.
  WireReader reader(bytes);
  Analysis analysis;
  std::string_view digest;
  std::uint64_t width = 0, height = 0;
  while (reader.Next()) {
    if (reader.Is(v1::Analysis::kDigestFieldNumber, WireReader::kBytes)) {
      digest = reader.bytes();
    } else if (reader.Is(v1::Analysis::kWidthFieldNumber,
                         WireReader::kVarint)) {
      width = reader.number();
    } else if (reader.Is(v1::Analysis::kHeightFieldNumber,
                         WireReader::kVarint)) {
      height = reader.number();
    } else if (reader.Is(v1::Analysis::kFacesFieldNumber, WireReader::kBytes)) {
      if (!ReadFace(reader.bytes(), analysis.faces.emplace_back())) {
        return damaged();
      }
    }
  }
  const auto named = Digest::FromHex(digest);
  if (!reader.ok() || !named || width > kMaxSide || height > kMaxSide) {
    return damaged();
  }
  analysis.digest = *named;
  analysis.width = static_cast<int>(width);
  analysis.height = static_cast<int>(height);
  return analysis;
}

std::string AnalysisJson(std::string_view path, const Analysis& analysis,
                         const std::vector<std::optional<Identity>>& people,
                         const AnalysisJsonOptions& options) {
  JsonLine line;
  line.Open('{').Member("path", path);
  line.Member("digest", std::string_view(analysis.digest.ToHex()));
  line.Member("width", analysis.width).Member("height", analysis.height);
  line.Name("faces").Open('[');
  for (std::size_t i = 0; i < analysis.faces.size(); ++i) {
    const bool known = i < people.size() && people[i];
    WriteFace(line, analysis.faces[i], known ? &*people[i] : nullptr, options);
  }
  return line.Close(']').Close('}').Take();
}

}  // namespace ocelli
