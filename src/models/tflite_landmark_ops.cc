#include "models/tflite_landmark_ops.h"

#include <flatbuffers/flexbuffers.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

namespace ocelli {
namespace {

constexpr std::int64_t kMaxCropSize = 1024;

// A map of numbers in a FlexBuffer.
class Options {
 public:
  static Result<Options> Parse(std::span<const std::uint8_t> bytes) {
    Options options;
    // A copy, because the numbers are aligned to the start.
    options.bytes_.assign(bytes.begin(), bytes.end());
    if (!bytes.empty() &&
        !flexbuffers::VerifyBuffer(options.bytes_.data(), bytes.size())) {
      return Fail(ErrorCode::kDataLoss, "bad options");
    }
    return options;
  }

  Result<float> Number(const char* name) const {
    const auto value = Find(name);
    if (!value.IsNumeric() || !std::isfinite(value.AsFloat())) {
      return Missing(name);
    }
    return value.AsFloat();
  }

  // A whole number from `low` to `high`.
  Result<std::int64_t> Integer(const char* name, std::int64_t low,
                               std::int64_t high) const {
    const auto value = Find(name);
    if (!value.IsIntOrUint() || value.AsInt64() < low ||
        value.AsInt64() > high) {
      return Missing(name);
    }
    return value.AsInt64();
  }

  Result<std::vector<std::int64_t>> Integers(const char* name, std::int64_t low,
                                             std::int64_t high) const {
    const auto list = Find(name);
    std::vector<std::int64_t> values;
    if (list.IsTypedVector()) {
      const auto vector = list.AsTypedVector();
      for (std::size_t i = 0; i < vector.size(); ++i) {
        values.push_back(vector[i].AsInt64());
      }
    } else if (list.IsUntypedVector()) {
      const auto vector = list.AsVector();
      for (std::size_t i = 0; i < vector.size(); ++i) {
        values.push_back(vector[i].AsInt64());
      }
    }
    if (values.empty() ||
        std::any_of(values.begin(), values.end(), [&](std::int64_t value) {
          return value < low || value > high;
        })) {
      return Missing(name);
    }
    return values;
  }

 private:
  std::vector<std::uint8_t> bytes_;

  flexbuffers::Reference Find(const char* name) const {
    if (bytes_.empty()) return {};
    const auto root = flexbuffers::GetRoot(bytes_.data(), bytes_.size());
    return root.IsMap() ? root.AsMap()[name] : flexbuffers::Reference();
  }

  static tl::unexpected<Error> Missing(std::string_view name) {
    return Fail(ErrorCode::kDataLoss, "bad option " + std::string(name));
  }
};

// [N,4,4] -> [N,4,2]: the first two rows as columns.
std::string RowsXY(const std::string& matrix, OnnxGraph& graph) {
  const std::string columns = graph.Node(
      "Transpose", {matrix}, {{"perm", std::vector<std::int64_t>{0, 2, 1}}});
  return graph.Node("MatMul", {columns, graph.Floats({4, 2}, {1, 0, 0, 1,  //
                                                              0, 0, 0, 0})});
}

}  // namespace

Result<std::string> LandmarksToTransformMatrix(
    std::span<const std::uint8_t> bytes, std::int64_t count,
    const std::string& landmarks, OnnxGraph& graph) {
  const auto options = Options::Parse(bytes);
  if (!options) return options.Failure();
  const auto left = options->Integer("left_rotation_idx", 0, count - 1);
  if (!left) return left.Failure();
  const auto right = options->Integer("right_rotation_idx", 0, count - 1);
  if (!right) return right.Failure();
  const auto width = options->Integer("output_width", 1, kMaxCropSize);
  if (!width) return width.Failure();
  const auto height = options->Integer("output_height", 1, kMaxCropSize);
  if (!height) return height.Failure();
  const auto scale_x = options->Number("scale_x");
  if (!scale_x) return scale_x.Failure();
  const auto scale_y = options->Number("scale_y");
  if (!scale_y) return scale_y.Failure();
  const auto target = options->Number("target_rotation_radians");
  if (!target) return target.Failure();
  const auto subset = options->Integers("subset_idxs", 0, count - 1);
  if (!subset) return subset.Failure();

  const std::string xy = graph.Floats({3, 2}, {1, 0, 0, 1, 0, 0});
  const auto pick = [&](std::span<const std::int64_t> which) {
    return graph.Node("Gather", {landmarks, graph.Integers(which)},
                      {{"axis", std::int64_t{1}}});
  };

  // The direction from left to right, (cos, sin) of its angle. A length of
  // zero counts as angle zero, as atan2 has it.
  const std::int64_t ends[] = {*left, *right};
  std::string direction = graph.Node(
      "MatMul",
      {graph.Floats({1, 2}, {-1, 1}), graph.Node("MatMul", {pick(ends), xy})});
  direction =
      graph.Node("Add", {direction, graph.Floats({1, 1, 2}, {1e-12F, 0})});
  direction = graph.Node(
      "Div", {direction, graph.Node("ReduceL2", {direction},
                                    {{"axes", std::vector<std::int64_t>{2}}})});

  // c and s, cosine and sine of target minus that angle, as the matrix
  // [c s; -s c]: it turns points in rows one way, points in columns back.
  const float cosine = std::cos(*target);
  const float sine = std::sin(*target);
  const std::string turn = graph.Node(
      "Reshape",
      {graph.Node(
           "MatMul",
           {direction, graph.Floats({2, 4}, {cosine, sine, -sine, cosine, sine,
                                             -cosine, cosine, sine})}),
       graph.Integers({0, 2, 2})});
  const std::string turned =
      graph.Node("MatMul", {pick(*subset), graph.Node("MatMul", {xy, turn})});

  const auto reduce = [&](std::string_view type) {
    return graph.Node(type, {turned}, {{"axes", std::vector<std::int64_t>{1}}});
  };
  const std::string high = reduce("ReduceMax");
  const std::string low = reduce("ReduceMin");
  // Half the size of the crop, and from there the crop's corner.
  const std::string half = graph.Node(
      "Mul", {graph.Node("Sub", {high, low}),
              graph.Floats({1, 1, 2}, {*scale_x / 2, *scale_y / 2})});
  const std::string middle = graph.Node(
      "Mul",
      {graph.Node("Add", {high, low}), graph.Floats({1, 1, 2}, {0.5F, 0.5F})});
  const std::string corner = graph.Node(
      "Reshape",
      {graph.Node("Sub", {middle, half}), graph.Integers({0, 2, 1})});
  const std::string pixel = graph.Node(
      "Mul",
      {half, graph.Floats({1, 1, 2}, {2 / static_cast<float>(*width),
                                      2 / static_cast<float>(*height)})});
  const std::string affine = graph.Node(
      "Concat",
      {graph.Node("Mul", {turn, pixel}), graph.Node("MatMul", {turn, corner})},
      {{"axis", std::int64_t{2}}});

  // [N,2,3] -> [N,4,4].
  const std::string rows = graph.Node(
      "MatMul", {graph.Floats({4, 2}, {1, 0, 0, 1, 0, 0, 0, 0}), affine});
  const std::string square = graph.Node(
      "MatMul",
      {rows, graph.Floats({3, 4}, {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1})});
  return graph.Node(
      "Add", {square, graph.Floats({1, 4, 4}, {0, 0, 0, 0, 0, 0, 0, 0,  //
                                               0, 0, 1, 0, 0, 0, 0, 1})});
}

Result<std::string> TransformTensorBilinear(std::span<const std::uint8_t> bytes,
                                            std::int64_t height,
                                            std::int64_t width,
                                            const std::string& features,
                                            const std::string& matrix,
                                            OnnxGraph& graph) {
  const auto options = Options::Parse(bytes);
  if (!options) return options.Failure();
  const auto crop_width = options->Integer("output_width", 1, kMaxCropSize);
  if (!crop_width) return crop_width.Failure();
  const auto crop_height = options->Integer("output_height", 1, kMaxCropSize);
  if (!crop_height) return crop_height.Failure();
  if (height < 2 || width < 2) {
    return Fail(ErrorCode::kUnimplemented, "features of one pixel");
  }

  // The matrix speaks of pixel corners; sampling of pixel centres, from -1 at
  // the first to 1 at the last.
  std::vector<float> centres;
  for (std::int64_t y = 0; y < *crop_height; ++y) {
    for (std::int64_t x = 0; x < *crop_width; ++x) {
      centres.insert(centres.end(), {static_cast<float>(x) + 0.5F,
                                     static_cast<float>(y) + 0.5F, 0, 1});
    }
  }
  const std::int64_t shape[] = {*crop_width * *crop_height, 4};
  std::string points = graph.Node(
      "MatMul", {graph.Floats(shape, centres), RowsXY(matrix, graph)});
  // From the middle of the features. The division makes the outermost centres
  // exactly 1.
  const float half_x = static_cast<float>(width - 1) / 2;
  const float half_y = static_cast<float>(height - 1) / 2;
  points = graph.Node(
      "Sub", {points, graph.Floats({2}, {half_x + 0.5F, half_y + 0.5F})});
  points = graph.Node("Div", {points, graph.Floats({2}, {half_x, half_y})});
  points = graph.Node(
      "Reshape", {points, graph.Integers({0, *crop_height, *crop_width, 2})});
  // Between the outermost centres and the border, where GridSample would blend
  // with zero, the answer is zero too; so is it for what is no number.
  const std::string reach =
      graph.Node("ReduceMax", {graph.Node("Abs", {points})},
                 {{"axes", std::vector<std::int64_t>{3}}});
  const std::string inside =
      graph.Node("LessOrEqual", {reach, graph.Floats({1}, {1})});
  points = graph.Node("Where", {inside, points, graph.Floats({1}, {1000})});
  return graph.Node("GridSample", {features, points},
                    {{"mode", "bilinear"},
                     {"padding_mode", "zeros"},
                     {"align_corners", std::int64_t{1}}});
}

Result<std::string> TransformLandmarks(std::span<const std::uint8_t> bytes,
                                       std::int64_t dimensions,
                                       const std::string& landmarks,
                                       const std::string& matrix,
                                       OnnxGraph& graph) {
  const auto options = Options::Parse(bytes);
  if (!options) return options.Failure();
  if (const auto asked = options->Integer("dimensions", 2, 3);
      asked && *asked != dimensions) {
    return Fail(ErrorCode::kDataLoss, "bad option dimensions");
  }
  const std::string columns = RowsXY(matrix, graph);
  const auto pick = [&](std::initializer_list<std::int64_t> rows) {
    return graph.Node("Gather", {columns, graph.Integers(rows)},
                      {{"axis", std::int64_t{1}}});
  };
  if (dimensions == 2) {
    return graph.Node(
        "Add", {graph.Node("MatMul", {landmarks, pick({0, 1})}), pick({3})});
  }
  if (dimensions != 3) {
    return Fail(ErrorCode::kDataLoss,
                "landmarks in " + std::to_string(dimensions) + " dimensions");
  }
  const std::string depth = graph.Node(
      "Gather", {landmarks, graph.Integers({2})}, {{"axis", std::int64_t{2}}});
  const std::string flat = graph.Node(
      "MatMul", {landmarks, graph.Floats({3, 2}, {1, 0, 0, 1, 0, 0})});
  return graph.Node(
      "Concat",
      {graph.Node("Add",
                  {graph.Node("MatMul", {flat, pick({0, 1})}), pick({3})}),
       depth},
      {{"axis", std::int64_t{2}}});
}

}  // namespace ocelli
