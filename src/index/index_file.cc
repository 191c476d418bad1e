#include "index/index_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include "core/check.h"
#include "core/file.h"
#include "index/similarity.h"

namespace ocelli {
namespace {

constexpr std::array<char, 8> kMagic = {'O', 'c', 'I', 'n', 'd', 'e', 'x', '1'};
constexpr std::uint32_t kByteOrder = 0x01020304;
constexpr std::size_t kAlignment = 64;
constexpr std::size_t kBufferBytes = 1 << 20;

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
  ~State() {
    if (descriptor >= 0) close(descriptor);
    if (!published) unlink(name.c_str());
    XXH3_freeState(checksum);
  }

  // Through the buffer into checksum and file.
  Result<> Write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const std::size_t size =
          std::min(bytes.size(), kBufferBytes - buffer.size());
      buffer.insert(buffer.end(), bytes.begin(),
                    bytes.begin() + static_cast<std::ptrdiff_t>(size));
      bytes = bytes.subspan(size);
      if (buffer.size() == kBufferBytes) {
        if (auto done = Flush(); !done) return done;
      }
    }
    return {};
  }

  Result<> Flush() {
    XXH3_64bits_update(checksum, buffer.data(), buffer.size());
    auto done = WriteAt(offset, buffer);
    offset += buffer.size();
    buffer.clear();
    return done;
  }

  Result<> WriteAt(std::uint64_t at, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t written = pwrite(descriptor, bytes.data(), bytes.size(),
                                     static_cast<off_t>(at));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return FailWithErrno("cannot write " + name, errno);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
      at += static_cast<std::uint64_t>(written);
    }
    return {};
  }

  template <typename T>
  Result<> WriteSection(std::span<const T> values) {
    if (auto done = Write(std::as_bytes(values)); !done) return done;
    return Align(values.size_bytes());
  }

  Result<> Align(std::size_t size) {
    constexpr std::array<std::byte, kAlignment> kZeros{};
    return Write(std::span(kZeros).first(Aligned(size) - size));
  }

  std::filesystem::path place;
  std::string name;  // Until published.
  int descriptor = -1;
  bool published = false;
  XXH3_state_t* checksum = XXH3_createState();
  std::vector<std::byte> buffer;
  std::uint64_t offset = Aligned(sizeof(Header));
  Header header;
  std::vector<std::int64_t> slots;
};

IndexFileWriter::IndexFileWriter(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
IndexFileWriter::~IndexFileWriter() = default;
IndexFileWriter::IndexFileWriter(IndexFileWriter&&) noexcept = default;

std::filesystem::path IndexFileWriter::unpublished() const {
  return state_->name;
}

Result<IndexFileWriter> IndexFileWriter::Create(
    const std::filesystem::path& file, Metric metric, int dimension) {
  auto state = std::make_unique<State>();
  OCELLI_CHECK(state->checksum);
  XXH3_64bits_reset(state->checksum);
  state->place = file;
  state->name = file.string() + ".new-XXXXXX";
  state->descriptor = mkostemp(state->name.data(), O_CLOEXEC);
  if (state->descriptor < 0) {
    const int number = errno;
    state->published = true;  // There is nothing to remove.
    return FailWithErrno("cannot make " + file.string(), number);
  }
  state->buffer.reserve(kBufferBytes);
  state->header.metric = static_cast<std::uint32_t>(metric);
  state->header.dimension = static_cast<std::uint64_t>(dimension);
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
  if (done) done = state.Flush();
  if (!done) return done;
  state.header.body_checksum = XXH3_64bits_digest(state.checksum);
  state.header.header_checksum = ChecksumOf(state.header);
  std::array<std::byte, Aligned(sizeof(Header))> first{};
  std::memcpy(first.data(), &state.header, sizeof(Header));
  return state.WriteAt(0, first);
}

// Not flushed to the disk: after a power failure the checksum tells.
Result<> IndexFileWriter::Publish(const Probing& probing) {
  State& state = *state_;
  state.header.probing = probing;
  state.header.header_checksum = ChecksumOf(state.header);
  auto done = state.WriteAt(
      0, std::as_bytes(std::span<const Header>(&state.header, 1)));
  if (!done) return done;
  if (rename(state.name.c_str(), state.place.c_str()) != 0) {
    return FailWithErrno("cannot replace " + state.place.string(), errno);
  }
  state.published = true;
  return {};
}

}  // namespace ocelli
