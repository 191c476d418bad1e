#include "index/index_file.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include "core/check.h"
#include "index/new_file.h"
#include "index/similarity.h"

namespace ocelli {
namespace {

constexpr std::array<char, 8> kMagic = {'O', 'c', 'I', 'n', 'd', 'e', 'x', '1'};
constexpr std::uint32_t kByteOrder = 0x01020304;
constexpr std::size_t kAlignment = 64;

// The first bytes of the file. Behind it, each aligned: vectors, slots, rows by
// slot, list ends, centroids.
struct Header {
  std::array<char, 8> magic = kMagic;
  std::uint32_t byte_order = kByteOrder;
  std::uint32_t metric = 0;
  std::uint64_t dimension = 0;
  std::uint64_t rows = 0;
  std::uint64_t lists = 0;
  Moment moment;
  Probing probing;
  std::uint32_t unused = 0;
  std::uint64_t body_checksum = 0;
  std::uint64_t header_checksum = 0;  // XXH3 of what stands before it.
};
static_assert(std::has_unique_object_representations_v<Moment>);
static_assert(sizeof(Header) == 104 && sizeof(Probing) == 12);

std::uint64_t ChecksumOf(const Header& header) {
  return XXH3_64bits(&header, offsetof(Header, header_checksum));
}

constexpr std::size_t Aligned(std::size_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

Result<std::shared_ptr<const IndexFile>> IndexFile::Open(
    const std::filesystem::path& file, Metric metric, int dimension) {
  std::shared_ptr<IndexFile> index(new IndexFile());
  if (auto read = index->Read(file, metric, dimension); !read) {
    return read.Failure();
  }
  return index;
}

Result<> IndexFile::Read(const std::filesystem::path& file, Metric metric,
                         int dimension) {
  auto mapped = MappedFile::Open(file);
  if (!mapped) return mapped.Failure();
  bytes_ = std::move(*mapped);
  const auto damaged = Fail(ErrorCode::kDataLoss,
                            file.string() + " is damaged or of another kind");
  std::span<const std::byte> rest = bytes_.bytes();
  Header header;
  if (rest.size() < Aligned(sizeof(header))) return damaged;
  std::memcpy(&header, rest.data(), sizeof(header));
  if (header.magic != kMagic || header.byte_order != kByteOrder ||
      header.header_checksum != ChecksumOf(header) ||
      header.metric != static_cast<std::uint32_t>(metric) ||
      header.dimension != static_cast<std::uint64_t>(dimension)) {
    return damaged;
  }
  rest = rest.subspan(Aligned(sizeof(header)));
  if (header.body_checksum != XXH3_64bits(rest.data(), rest.size())) {
    return damaged;
  }
  const auto take = [&]<typename T>(std::span<const T>& values,
                                    std::uint64_t count) {
    if (count > rest.size() / sizeof(T)) return false;
    const auto size = static_cast<std::size_t>(count) * sizeof(T);
    if (Aligned(size) > rest.size()) return false;
    values = {reinterpret_cast<const T*>(rest.data()),
              static_cast<std::size_t>(count)};
    rest = rest.subspan(Aligned(size));
    return true;
  };
  metric_ = metric;
  dimension_ = static_cast<std::size_t>(dimension);
  moment_ = header.moment;
  probing_ = header.probing;
  constexpr std::uint64_t kMaxRows = std::numeric_limits<std::uint32_t>::max();
  const bool whole = header.rows <= kMaxRows && header.lists <= kMaxRows &&
                     take(vectors_, header.rows * dimension_) &&
                     take(slots_, header.rows) && take(by_slot_, header.rows) &&
                     take(list_ends_, header.lists) &&
                     take(centroids_, header.lists * dimension_) &&
                     rest.empty() && MakesSense();
  if (!whole) return damaged;
  if (metric == Metric::kL2) {
    half_squared_lengths_.reserve(rows());
    for (std::size_t at = 0; at < vectors_.size(); at += dimension_) {
      half_squared_lengths_.push_back(
          HalfSquaredLength(vectors_.subspan(at, dimension_)));
      longest_half_square_ =
          std::max(longest_half_square_, half_squared_lengths_.back());
    }
  }
  return {};
}

bool IndexFile::MakesSense() const {
  const auto is_row = [this](std::uint32_t row) { return row < rows(); };
  if (!std::all_of(by_slot_.begin(), by_slot_.end(), is_row)) return false;
  if (list_ends_.empty()) return probing_.probes == 0;
  return std::is_sorted(list_ends_.begin(), list_ends_.end()) &&
         list_ends_.back() == rows() && probing_.probes <= list_ends_.size();
}

std::optional<std::uint32_t> IndexFile::RowOf(std::int64_t slot) const {
  const auto found =
      std::lower_bound(by_slot_.begin(), by_slot_.end(), slot,
                       [this](std::uint32_t row, std::int64_t wanted) {
                         return slots_[row] < wanted;
                       });
  if (found == by_slot_.end() || slots_[*found] != slot) return std::nullopt;
  return *found;
}

struct IndexFileWriter::State {
  explicit State(NewFile its_file) : file(std::move(its_file)) {
    OCELLI_CHECK(checksum);
    XXH3_64bits_reset(checksum);
  }
  ~State() { XXH3_freeState(checksum); }

  Result<> Write(std::span<const std::byte> bytes) {
    XXH3_64bits_update(checksum, bytes.data(), bytes.size());
    return file.Append(bytes);
  }
  // Zeros, up to the next section.
  Result<> Align(std::size_t size) {
    constexpr std::array<std::byte, kAlignment> kZeros{};
    return Write(std::span(kZeros).first(Aligned(size) - size));
  }
  template <typename T>
  Result<> WriteSection(std::span<const T> values) {
    if (auto done = Write(std::as_bytes(values)); !done) return done;
    return Align(values.size_bytes());
  }
  Result<> WriteHeader() {
    header.header_checksum = ChecksumOf(header);
    return file.Overwrite(0,
                          std::as_bytes(std::span<const Header>(&header, 1)));
  }

  NewFile file;
  XXH3_state_t* const checksum = XXH3_createState();
  Header header;
  std::vector<std::int64_t> slots;
};

IndexFileWriter::IndexFileWriter(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
IndexFileWriter::~IndexFileWriter() = default;
IndexFileWriter::IndexFileWriter(IndexFileWriter&&) noexcept = default;

const std::filesystem::path& IndexFileWriter::unpublished() const {
  return state_->file.path();
}

Result<IndexFileWriter> IndexFileWriter::Create(
    const std::filesystem::path& place, Metric metric, int dimension) {
  NewFile::RemoveAbandoned(place);
  auto file = NewFile::Create(place, 0600);
  if (!file) return file.Failure();
  auto state = std::make_unique<State>(std::move(*file));
  state->header.metric = static_cast<std::uint32_t>(metric);
  state->header.dimension = static_cast<std::uint64_t>(dimension);
  // The header comes last.
  constexpr std::array<std::byte, Aligned(sizeof(Header))> kRoom{};
  if (auto done = state->file.Append(kRoom); !done) return done.Failure();
  return IndexFileWriter(std::move(state));
}

Result<> IndexFileWriter::Append(std::int64_t slot,
                                 std::span<const float> vector) {
  OCELLI_CHECK(vector.size() == state_->header.dimension);
  state_->slots.push_back(slot);
  return state_->Write(std::as_bytes(vector));
}

Result<> IndexFileWriter::Finish(const Moment& moment,
                                 std::span<const std::uint64_t> list_ends,
                                 std::span<const float> centroids) {
  State& state = *state_;
  const std::size_t rows = state.slots.size();
  state.header.rows = rows;
  state.header.lists = list_ends.size();
  state.header.moment = moment;
  std::vector<std::uint32_t> by_slot(rows);
  std::iota(by_slot.begin(), by_slot.end(), 0u);
  std::sort(by_slot.begin(), by_slot.end(),
            [&](std::uint32_t a, std::uint32_t b) {
              return state.slots[a] < state.slots[b];
            });
  auto done = state.Align(rows * state.header.dimension * sizeof(float));
  if (done)
    done = state.WriteSection(std::span<const std::int64_t>(state.slots));
  if (done) done = state.WriteSection(std::span<const std::uint32_t>(by_slot));
  if (done) done = state.WriteSection(list_ends);
  if (done) done = state.WriteSection(centroids);
  if (!done) return done;
  state.header.body_checksum = XXH3_64bits_digest(state.checksum);
  return state.WriteHeader();
}

Result<> IndexFileWriter::Publish(const Probing& probing) {
  state_->header.probing = probing;
  if (auto done = state_->WriteHeader(); !done) return done;
  // After a power failure the checksum tells.
  return state_->file.Publish(NewFile::Care::kQuick);
}

}  // namespace ocelli
