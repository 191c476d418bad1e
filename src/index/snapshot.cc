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

Result<Snapshot> Snapshot::Of(std::shared_ptr<const IndexFile> file) {
  Snapshot snapshot(file->metric(), static_cast<int>(file->dimension()));
  snapshot.moment_ = file->moment();
  snapshot.longest_half_square_ = file->longest_half_square();
  if (file->probing().probes > 0) {
    auto lists = InvertedFile::Over(file);
    if (!lists) return lists.Failure();
    snapshot.inverted_file_ = std::move(*lists);
  }
  snapshot.file_ = std::move(file);
  return snapshot;
}

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

std::int64_t Snapshot::TailSlot(std::size_t at) const {
  return tail_[at / chunk_rows_]->slots[at % chunk_rows_];
}

std::int64_t Snapshot::SlotAt(std::size_t row) const {
  return row < file_rows() ? file_->SlotAt(row) : TailSlot(row - file_rows());
}

std::optional<std::uint32_t> Snapshot::RowOf(std::int64_t slot) const {
  std::optional<std::uint32_t> row;
  if (file_ && slot <= file_->moment().last_slot) {
    row = file_->RowOf(slot);
  } else {
    std::size_t low = 0, high = tail_rows_;
    while (low < high) {
      const std::size_t middle = low + (high - low) / 2;
      if (TailSlot(middle) < slot) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    if (low < tail_rows_ && TailSlot(low) == slot) {
      row = static_cast<std::uint32_t>(file_rows() + low);
    }
  }
  if (row && live_ && !live_->Contains(*row)) row.reset();
  return row;
}

std::span<const float> Snapshot::VectorAt(std::size_t row) const {
  if (row < file_rows()) {
    return file_->vectors().subspan(row * dimension_, dimension_);
  }
  const std::size_t at = row - file_rows();
  return {&tail_[at / chunk_rows_]->vectors[at % chunk_rows_ * dimension_],
          dimension_};
}

void Snapshot::Visit(
    std::size_t first,
    const std::function<void(const VectorRows&)>& visit) const {
  if (first < file_rows()) {
    const VectorRows all{0, file_rows(), file_->vectors().data(),
                         file_->half_squared_lengths().data()};
    visit(all.Part(first, file_rows() - first, dimension_));
    first = file_rows();
  }
  for (std::size_t begin = first - file_rows(); begin < tail_rows_;) {
    const std::size_t at = begin % chunk_rows_;
    const Chunk& chunk = *tail_[begin / chunk_rows_];
    const std::size_t count = std::min(chunk_rows_ - at, tail_rows_ - begin);
    visit({file_rows() + begin, count, &chunk.vectors[at * dimension_],
           chunk.half_squared_lengths ? &chunk.half_squared_lengths[at]
                                      : nullptr});
    begin += count;
  }
}

}  // namespace ocelli
