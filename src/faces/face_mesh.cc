#include "faces/face_mesh.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>

#include "faces/model_input.h"

namespace ocelli {
namespace {

constexpr std::size_t kMeshPoints = 468;
constexpr std::size_t kIrisPoints = 5;
constexpr std::size_t kRightEyeCorner = 33, kLeftEyeCorner = 263;

// Which mesh points the attention model's finer outputs stand for, from
// MediaPipe's tensors_to_face_landmarks_with_attention.pbtxt.
constexpr std::uint16_t kLips[] = {
    61,  146, 91,  181, 84,  17,  314, 405, 321, 375, 291, 185, 40,  39,
    37,  0,   267, 269, 270, 409, 78,  95,  88,  178, 87,  14,  317, 402,
    318, 324, 308, 191, 80,  81,  82,  13,  312, 311, 310, 415, 76,  77,
    90,  180, 85,  16,  315, 404, 320, 307, 306, 184, 74,  73,  72,  11,
    302, 303, 304, 408, 62,  96,  89,  179, 86,  15,  316, 403, 319, 325,
    292, 183, 42,  41,  38,  12,  268, 271, 272, 407};
constexpr std::uint16_t kLeftEye[] = {
    33,  7,   163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157,
    173, 130, 25,  110, 24,  23,  22,  26,  112, 243, 247, 30,  29,  27,  28,
    56,  190, 226, 31,  228, 229, 230, 231, 232, 233, 244, 113, 225, 224, 223,
    222, 221, 189, 35,  124, 46,  53,  52,  65,  143, 111, 117, 118, 119, 120,
    121, 128, 245, 156, 70,  63,  105, 66,  107, 55,  193};
constexpr std::uint16_t kRightEye[] = {
    263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384,
    398, 359, 255, 339, 254, 253, 252, 256, 341, 463, 467, 260, 259, 257, 258,
    286, 414, 446, 261, 448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443,
    442, 441, 413, 265, 353, 276, 283, 282, 295, 372, 340, 346, 347, 348, 349,
    350, 357, 465, 383, 300, 293, 334, 296, 336, 285, 417};
constexpr std::size_t kEyeContour = 16;  // The first points of either eye.

// One output of a model that answers for several faces.
std::span<const float> Slice(const Tensor& tensor, std::size_t face,
                             std::size_t faces) {
  const std::size_t size = tensor.floats().size() / faces;
  return tensor.floats().subspan(face * size, size);
}

void Overwrite(std::span<const float> xy, std::span<const std::uint16_t> which,
               std::vector<Point3F>& points) {
  for (std::size_t i = 0; i < which.size(); ++i) {
    points[which[i]].x = xy[2 * i];
    points[which[i]].y = xy[2 * i + 1];
  }
}

void AppendIris(std::span<const float> xy, std::span<const std::uint16_t> eye,
                std::vector<Point3F>& points) {
  float depth = 0;
  for (std::size_t i = 0; i < kEyeContour; ++i) depth += points[eye[i]].z;
  depth /= static_cast<float>(kEyeContour);
  for (std::size_t i = 0; i < kIrisPoints; ++i) {
    points.push_back({xy[2 * i], xy[2 * i + 1], depth});
  }
}

// Input pixels. Outputs: points and flag; the attention model's are points,
// lips, left eye, right eye, left iris, right iris, flag, where left and right
// are the picture's.
FaceMesh Read(std::span<const Tensor> outputs, std::size_t face,
              std::size_t faces) {
  FaceMesh mesh;
  const auto coordinates = Slice(outputs[0], face, faces);
  mesh.points.reserve(kMeshPoints + 2 * kIrisPoints);
  for (std::size_t i = 0; i < kMeshPoints; ++i) {
    mesh.points.push_back(
        {coordinates[3 * i], coordinates[3 * i + 1], coordinates[3 * i + 2]});
  }
  if (outputs.size() > 2) {
    Overwrite(Slice(outputs[1], face, faces), kLips, mesh.points);
    Overwrite(Slice(outputs[2], face, faces), kLeftEye, mesh.points);
    Overwrite(Slice(outputs[3], face, faces), kRightEye, mesh.points);
    AppendIris(Slice(outputs[4], face, faces), kLeftEye, mesh.points);
    AppendIris(Slice(outputs[5], face, faces), kRightEye, mesh.points);
  }
  mesh.logit = Slice(outputs.back(), face, faces)[0];
  return mesh;
}

Result<> CheckOutputs(const ModelCard& card, std::span<const Tensor> outputs,
                      std::size_t faces) {
  constexpr std::size_t kPlain[] = {3 * kMeshPoints, 1};
  constexpr std::size_t kAttention[] = {3 * kMeshPoints,
                                        2 * std::size(kLips),
                                        2 * std::size(kLeftEye),
                                        2 * std::size(kRightEye),
                                        2 * kIrisPoints,
                                        2 * kIrisPoints,
                                        1};
  const std::span<const std::size_t> sizes =
      outputs.size() == std::size(kPlain)
          ? std::span<const std::size_t>(kPlain)
          : std::span<const std::size_t>(kAttention);
  bool fits = outputs.size() == sizes.size();
  for (std::size_t i = 0; fits && i < sizes.size(); ++i) {
    fits = outputs[i].floats().size() == faces * sizes[i];
  }
  if (fits) return {};
  return Fail(ErrorCode::kDataLoss,
              "model " + card.name + " does not answer as a face mesh does");
}

Region RegionOf(const RectF& box, PointF right_eye, PointF left_eye) {
  constexpr float kMargin = 1.5f;
  const float side = kMargin * std::max(box.width, box.height);
  return {box.center(), side, side,
          std::atan2(left_eye.y - right_eye.y, left_eye.x - right_eye.x)};
}

}  // namespace

RectF BoundsOf(std::span<const Point3F> mesh) {
  if (mesh.empty()) return {};
  const auto [left, right] = std::minmax_element(
      mesh.begin(), mesh.end(),
      [](const Point3F& a, const Point3F& b) { return a.x < b.x; });
  const auto [top, bottom] = std::minmax_element(
      mesh.begin(), mesh.end(),
      [](const Point3F& a, const Point3F& b) { return a.y < b.y; });
  return {left->x, top->y, right->x - left->x, bottom->y - top->y};
}

std::array<PointF, 6> KeypointsOf(std::span<const Point3F> mesh) {
  const auto mean = [&](std::initializer_list<std::size_t> which) {
    PointF sum;
    for (const std::size_t i : which) {
      sum.x += mesh[i].x;
      sum.y += mesh[i].y;
    }
    const float count = static_cast<float>(which.size());
    return PointF{sum.x / count, sum.y / count};
  };
  // Corners and lids of either eye, nose tip, lips, and the outline of the
  // face before the ears.
  return {mean({33, 133, 159, 145}),
          mean({362, 263, 386, 374}),
          mean({4}),
          mean({13, 14}),
          mean({234}),
          mean({454})};
}

Region MeshRegion(const Detection& detection) {
  return RegionOf(detection.box, detection.keypoints[0],
                  detection.keypoints[1]);
}

Region MeshRegion(std::span<const Point3F> mesh) {
  const Point3F& right = mesh[kRightEyeCorner];
  const Point3F& left = mesh[kLeftEyeCorner];
  return RegionOf(BoundsOf(mesh), {right.x, right.y}, {left.x, left.y});
}

FaceMesher::FaceMesher(ModelCard card, std::unique_ptr<Session> session)
    : card_(std::move(card)), session_(std::move(session)) {}

Result<std::unique_ptr<FaceMesher>> FaceMesher::Open(
    const std::filesystem::path& model, const ModelCard& card,
    const SessionOptions& options) {
  if (card.family != "facemesh" && card.family != "facemesh-attention") {
    return Fail(ErrorCode::kInvalidArgument,
                card.name + " is no face mesh: family " + card.family);
  }
  auto session = OpenModel(model, card, options);
  if (!session) return session.Failure();
  return std::unique_ptr<FaceMesher>(new FaceMesher(card, std::move(*session)));
}

Result<std::vector<FaceMesh>> FaceMesher::Run(
    ImageView image, std::span<const Region> regions) const {
  const int side = card_.input.width;
  const float unit = 1 / static_cast<float>(side);
  const std::size_t limit = static_cast<std::size_t>(BatchLimit(*session_));
  std::vector<FaceMesh> meshes;
  meshes.reserve(regions.size());
  while (meshes.size() < regions.size()) {
    const auto batch = regions.subspan(
        meshes.size(), std::min(limit, regions.size() - meshes.size()));
    Tensor input = MakeInput(card_, static_cast<int>(batch.size()), side, side);
    const std::size_t size = input.floats().size() / batch.size();
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const Affine from = batch[i].FromUnit();
      Sample(image,
             {from.a * unit, from.b * unit, from.tx, from.c * unit,
              from.d * unit, from.ty},
             side, side, Border::kReplicate, EncodingOf(card_),
             input.floats().subspan(i * size, size));
    }
    const auto outputs = RunModel(*session_, card_, input);
    if (!outputs) return outputs.Failure();
    if (auto checked = CheckOutputs(card_, *outputs, batch.size()); !checked) {
      return checked.Failure();
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
      FaceMesh mesh = Read(*outputs, i, batch.size());
      const Affine from = batch[i].FromUnit();
      for (Point3F& point : mesh.points) {
        const PointF place = from.Apply({point.x * unit, point.y * unit});
        point = {place.x, place.y, point.z * unit * batch[i].width};
      }
      meshes.push_back(std::move(mesh));
    }
  }
  return meshes;
}

}  // namespace ocelli
