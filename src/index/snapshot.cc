#include "index/snapshot.h"

#include <algorithm>
#include <limits>

#include "index/similarity.h"

namespace ocelli {
namespace {

constexpr std::size_t kChunkBytes = 1 << 20;
constexpr std::size_t kMaxRows = std::numeric_limits<std::uint32_t>::max();

}  // namespace

struct Snapshot::Chunk {
  std::unique_ptr<float[]> vectors;
  std::unique_ptr<float[]> half_squared_lengths;
  std::unique_ptr<std::int64_t[]> slots;
};

Snapshot::Snapshot(Metric metric, int dimension)
    : metric_(metric),
      dimension_(static_cast<std::size_t>(dimension)),
      chunk_rows_(std::max<std::size_t>(
          kChunkBytes / (dimension_ * sizeof(float)), 16)) {}

Result<> Snapshot::CatchUp(Store& store) {
  auto now = store.Now();
  if (!now) return now.Failure();
  if (*now == moment_) return {};
  // First those that went: they may be here, what follows is not.
  auto removed = store.SlotsRemovedAfter(moment_.last_removal);
  if (!removed) return removed.Failure();
  for (const std::int64_t slot : *removed) Remove(slot);
  auto added = store.VectorsAfter(
      moment_.last_slot, [&](std::int64_t slot, std::span<const float> vector) {
        return Append(slot, vector);
      });
  if (!added) return added;
  moment_ = *now;
  return {};
}

Result<> Snapshot::Append(std::int64_t slot, std::span<const float> vector) {
  if (rows() == kMaxRows) {
    return Fail(ErrorCode::kResourceExhausted,
                "more than " + std::to_string(kMaxRows) + " vectors");
  }
  const std::size_t at = tail_rows_ % chunk_rows_;
  if (at == 0) {
    auto chunk = std::make_shared<Chunk>();
    chunk->vectors =
        std::make_unique_for_overwrite<float[]>(chunk_rows_ * dimension_);
    chunk->slots = std::make_unique_for_overwrite<std::int64_t[]>(chunk_rows_);
    if (metric_ == Metric::kL2) {
      chunk->half_squared_lengths =
          std::make_unique_for_overwrite<float[]>(chunk_rows_);
    }
    tail_.push_back(std::move(chunk));
  }
  Chunk& chunk = *tail_.back();
  std::copy(vector.begin(), vector.end(), &chunk.vectors[at * dimension_]);
  chunk.slots[at] = slot;
  if (metric_ == Metric::kL2) {
    const float half_square = HalfSquaredLength(vector);
    chunk.half_squared_lengths[at] = half_square;
    longest_half_square_ = std::max(longest_half_square_, half_square);
  }
  ++tail_rows_;
  return {};
}

void Snapshot::Remove(std::int64_t slot) {
  const auto row = RowOf(slot);
  if (!row) return;
  auto live = std::make_shared<RowSet>(live_ ? *live_ : RowSet::All(rows()));
  live->Extend(rows());
  live->Remove(*row);
  live_ = std::move(live);
  ++removed_;
}

std::int64_t Snapshot::SlotAt(std::size_t row) const {
  return tail_[row / chunk_rows_]->slots[row % chunk_rows_];
}

std::optional<std::uint32_t> Snapshot::RowOf(std::int64_t slot) const {
  std::size_t low = 0, high = tail_rows_;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (SlotAt(middle) < slot) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == tail_rows_ || SlotAt(low) != slot) return std::nullopt;
  if (live_ && !live_->Contains(low)) return std::nullopt;
  return static_cast<std::uint32_t>(low);
}

std::span<const float> Snapshot::VectorAt(std::size_t row) const {
  return {&tail_[row / chunk_rows_]->vectors[row % chunk_rows_ * dimension_],
          dimension_};
}

void Snapshot::Visit(
    std::size_t first,
    const std::function<void(const VectorRows&)>& visit) const {
  while (first < tail_rows_) {
    const std::size_t at = first % chunk_rows_;
    const Chunk& chunk = *tail_[first / chunk_rows_];
    const std::size_t count = std::min(chunk_rows_ - at, tail_rows_ - first);
    visit({first, count, &chunk.vectors[at * dimension_],
           chunk.half_squared_lengths ? &chunk.half_squared_lengths[at]
                                      : nullptr});
    first += count;
  }
}

}  // namespace ocelli
