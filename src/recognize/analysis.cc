#include "recognize/analysis.h"

#include <google/protobuf/arena.h>
#include <ocelli/v1/analysis.pb.h>

#include <algorithm>
#include <cmath>

#include "recognize/json_line.h"

namespace ocelli {
namespace {

constexpr unsigned kMaxSide = 1 << 20;
constexpr int kMaxDescriptor = 4096;

bool AllFinite(std::initializer_list<float> values) {
  return std::all_of(values.begin(), values.end(),
                     [](float value) { return std::isfinite(value); });
}

// False where the message holds what no model of ours can have made.
bool ReadFace(const v1::Face& from, Face& face) {
  const v1::Box& box = from.box();
  const v1::Quality& quality = from.quality();
  const int points = from.mesh_size();
  if (!AllFinite({box.x(), box.y(), box.width(), box.height(), from.score(),
                  quality.size(), quality.sharpness(), quality.frontality(),
                  quality.overall()}) ||
      from.keypoints_size() != static_cast<int>(face.keypoints.size()) ||
      (points != 0 && points != 468 && points != 478) ||
      from.face_descriptor_size() > kMaxDescriptor) {
    return false;
  }
  face.box = {box.x(), box.y(), box.width(), box.height()};
  face.score = from.score();
  face.quality = {quality.size(), quality.sharpness(), quality.frontality(),
                  quality.overall()};
  for (int i = 0; i < from.keypoints_size(); ++i) {
    const v1::Point& point = from.keypoints(i);
    if (!AllFinite({point.x(), point.y()})) return false;
    face.keypoints[static_cast<std::size_t>(i)] = {point.x(), point.y()};
  }
  face.mesh.reserve(static_cast<std::size_t>(points));
  for (const v1::Point3& point : from.mesh()) {
    if (!AllFinite({point.x(), point.y(), point.z()})) return false;
    face.mesh.push_back({point.x(), point.y(), point.z()});
  }
  face.descriptor.assign(from.face_descriptor().begin(),
                         from.face_descriptor().end());
  return std::all_of(face.descriptor.begin(), face.descriptor.end(),
                     [](float value) { return std::isfinite(value); });
}

void WriteFace(const Face& face, v1::Face& to) {
  v1::Box& box = *to.mutable_box();
  box.set_x(face.box.x);
  box.set_y(face.box.y);
  box.set_width(face.box.width);
  box.set_height(face.box.height);
  to.set_score(face.score);
  for (const PointF& point : face.keypoints) {
    v1::Point& added = *to.add_keypoints();
    added.set_x(point.x);
    added.set_y(point.y);
  }
  to.mutable_mesh()->Reserve(static_cast<int>(face.mesh.size()));
  for (const Point3F& point : face.mesh) {
    v1::Point3& added = *to.add_mesh();
    added.set_x(point.x);
    added.set_y(point.y);
    added.set_z(point.z);
  }
  to.mutable_face_descriptor()->Assign(face.descriptor.begin(),
                                       face.descriptor.end());
  v1::Quality& quality = *to.mutable_quality();
  quality.set_size(face.quality.size);
  quality.set_sharpness(face.quality.sharpness);
  quality.set_frontality(face.quality.frontality);
  quality.set_overall(face.quality.overall);
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
  for (const Face& face : analysis.faces) WriteFace(face, *message.add_faces());
  return message.SerializeAsString();
}

Result<Analysis> ParseAnalysis(std::string_view bytes) {
  const auto damaged = [] {
    return Fail(ErrorCode::kDataLoss, "not the result of an analysis");
  };
  google::protobuf::Arena arena;
  auto& message = *google::protobuf::Arena::CreateMessage<v1::Analysis>(&arena);
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      message.width() > kMaxSide || message.height() > kMaxSide) {
    return damaged();
  }
  Analysis analysis;
  const auto digest = Digest::FromHex(message.digest());
  if (!digest) return damaged();
  analysis.digest = *digest;
  analysis.width = static_cast<int>(message.width());
  analysis.height = static_cast<int>(message.height());
  for (const v1::Face& face : message.faces()) {
    if (!ReadFace(face, analysis.faces.emplace_back())) return damaged();
  }
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
