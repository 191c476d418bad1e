#include "models/tflite_sparse.h"

#include <algorithm>
#include <numeric>

namespace ocelli {
namespace {

constexpr std::int64_t kMaxElements = std::int64_t{1} << 26;

auto Damaged() { return Fail(ErrorCode::kDataLoss, "bad sparse tensor"); }

struct Level {
  bool dense;
  std::int64_t size;    // Of the axis, or of the block along it.
  std::int64_t stride;  // In the dense tensor.
  // Of a compressed level: entries segments[p] to segments[p + 1] belong to
  // entry p of the level above.
  std::vector<std::int64_t> segments;
  std::vector<std::int64_t> indices;
};

template <typename Vector>
std::vector<std::int64_t> Copy(const Vector* vector) {
  if (vector == nullptr || vector->values() == nullptr) return {};
  return {vector->values()->begin(), vector->values()->end()};
}

std::vector<std::int64_t> ReadSegments(const tflite::DimensionMetadata& level) {
  switch (level.array_segments_type()) {
    case tflite::SparseIndexVector::Int32Vector:
      return Copy(level.array_segments_as_Int32Vector());
    case tflite::SparseIndexVector::Uint16Vector:
      return Copy(level.array_segments_as_Uint16Vector());
    case tflite::SparseIndexVector::Uint8Vector:
      return Copy(level.array_segments_as_Uint8Vector());
    case tflite::SparseIndexVector::NONE:
      break;
  }
  return {};
}

std::vector<std::int64_t> ReadEntries(const tflite::DimensionMetadata& level) {
  switch (level.array_indices_type()) {
    case tflite::SparseIndexVector::Int32Vector:
      return Copy(level.array_indices_as_Int32Vector());
    case tflite::SparseIndexVector::Uint16Vector:
      return Copy(level.array_indices_as_Uint16Vector());
    case tflite::SparseIndexVector::Uint8Vector:
      return Copy(level.array_indices_as_Uint8Vector());
    case tflite::SparseIndexVector::NONE:
      break;
  }
  return {};
}

bool IsSound(const Level& level) {
  if (level.dense) return true;
  return std::is_sorted(level.segments.begin(), level.segments.end()) &&
         !level.segments.empty() && level.segments.front() >= 0 &&
         level.segments.back() <=
             static_cast<std::int64_t>(level.indices.size()) &&
         std::all_of(level.indices.begin(), level.indices.end(),
                     [&](std::int64_t i) { return i >= 0 && i < level.size; });
}

// What the tree's axes are: first those of the tensor, then those of blocks.
struct Axis {
  std::int64_t size;
  std::int64_t stride;
};

Result<std::vector<Axis>> ReadAxes(const tflite::Sparsity& sparsity,
                                   std::span<const std::int64_t> shape) {
  std::vector<Axis> axes(shape.size());
  std::int64_t stride = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    axes[i] = {shape[i], stride};
    stride *= shape[i];
  }
  if (sparsity.block_map() == nullptr) return axes;
  const auto& order = *sparsity.traversal_order();
  for (const std::int32_t blocked : *sparsity.block_map()) {
    // The size of a block stands at its level.
    const auto level = std::find(order.begin(), order.end(),
                                 static_cast<std::int32_t>(axes.size())) -
                       order.begin();
    if (level == static_cast<std::ptrdiff_t>(order.size()) || blocked < 0 ||
        static_cast<std::size_t>(blocked) >= shape.size()) {
      return Damaged();
    }
    const std::int64_t size =
        sparsity.dim_metadata()
            ->Get(static_cast<flatbuffers::uoffset_t>(level))
            ->dense_size();
    const Axis whole = axes[static_cast<std::size_t>(blocked)];
    if (size <= 0 || whole.size % size != 0) return Damaged();
    axes[static_cast<std::size_t>(blocked)] = {whole.size / size,
                                               whole.stride * size};
    axes.push_back({size, whole.stride});
  }
  return axes;
}

Result<std::vector<Level>> ReadLevels(const tflite::Sparsity& sparsity,
                                      std::span<const std::int64_t> shape) {
  const auto* order = sparsity.traversal_order();
  const auto* metadata = sparsity.dim_metadata();
  if (order == nullptr || metadata == nullptr ||
      order->size() != metadata->size() || order->size() > 2 * shape.size()) {
    return Damaged();
  }
  const auto axes = ReadAxes(sparsity, shape);
  if (!axes) return axes.Failure();
  if (axes->size() != order->size()) return Damaged();
  std::vector<bool> seen(axes->size(), false);
  std::vector<Level> levels;
  for (flatbuffers::uoffset_t i = 0; i < order->size(); ++i) {
    const auto axis = static_cast<std::size_t>(order->Get(i));
    if (axis >= axes->size() || seen[axis]) return Damaged();
    seen[axis] = true;
    const tflite::DimensionMetadata& raw = *metadata->Get(i);
    Level level{.dense = raw.format() == tflite::DimensionType::DENSE,
                .size = (*axes)[axis].size,
                .stride = (*axes)[axis].stride,
                .segments = ReadSegments(raw),
                .indices = ReadEntries(raw)};
    if (!IsSound(level)) return Damaged();
    levels.push_back(std::move(level));
  }
  return levels;
}

struct Expansion {
  std::span<const Level> levels;
  std::span<const float> values;
  std::vector<float> dense;

  // Visits what lies below entry `entry` of the level above `depth`; `offset`
  // is the sum of the coordinates so far. False where the parts disagree.
  bool Visit(std::size_t depth, std::int64_t entry, std::int64_t offset) {
    if (depth == levels.size()) {
      if (static_cast<std::size_t>(entry) >= values.size()) return false;
      dense[static_cast<std::size_t>(offset)] =
          values[static_cast<std::size_t>(entry)];
      return true;
    }
    const Level& level = levels[depth];
    if (level.dense) {
      for (std::int64_t i = 0; i < level.size; ++i) {
        if (!Visit(depth + 1, entry * level.size + i,
                   offset + i * level.stride)) {
          return false;
        }
      }
      return true;
    }
    const auto segment = static_cast<std::size_t>(entry);
    if (segment + 1 >= level.segments.size()) return false;
    for (std::int64_t i = level.segments[segment];
         i < level.segments[segment + 1]; ++i) {
      if (!Visit(depth + 1, i,
                 offset + level.indices[static_cast<std::size_t>(i)] *
                              level.stride)) {
        return false;
      }
    }
    return true;
  }
};

}  // namespace

Result<std::vector<float>> ExpandSparse(const tflite::Sparsity& sparsity,
                                        std::span<const std::int64_t> shape,
                                        std::span<const float> values) {
  const auto levels = ReadLevels(sparsity, shape);
  if (!levels) return levels.Failure();
  const std::int64_t elements = std::accumulate(
      shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  if (elements > kMaxElements) return Damaged();
  Expansion expansion{
      .levels = *levels,
      .values = values,
      .dense = std::vector<float>(static_cast<std::size_t>(elements))};
  if (!expansion.Visit(0, 0, 0)) return Damaged();
  return std::move(expansion.dense);
}

}  // namespace ocelli
