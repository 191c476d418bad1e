#include "index/vector_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "core/check.h"
#include "core/file.h"
#include "index/collection.h"
#include "index/new_file.h"
#include "index/npy_header.h"

namespace ocelli {
namespace {

constexpr std::size_t kReadBytes = 1 << 20;
constexpr std::uint64_t kMaxIvecsBytes = 1 << 30;
constexpr std::size_t kMaxRows = std::numeric_limits<std::uint32_t>::max();

enum class Format { kNpy, kFvecs };

Result<Format> FormatOf(const std::filesystem::path& path) {
  if (path.extension() == ".npy") return Format::kNpy;
  if (path.extension() == ".fvecs") return Format::kFvecs;
  return Fail(ErrorCode::kInvalidArgument,
              path.string() +
                  ": vectors are in files that end in .npy or"
                  " .fvecs");
}

// IEEE 754 binary16.
float FromHalf(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t exponent = half >> 10 & 0x1f, fraction = half & 0x3ffu;
  if (exponent == 0) {
    const float value = std::ldexp(static_cast<float>(fraction), -24);
    return sign ? -value : value;
  }
  const std::uint32_t wide = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

template <typename T>
T ValueAt(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

// `bytes` holds as many numbers of their size as `values`. A double beyond
// fp32 becomes infinite.
void Convert(std::span<const std::byte> bytes, std::size_t value_bytes,
             std::span<float> values) {
  const std::byte* from = bytes.data();
  for (float& value : values) {
    value = value_bytes == 4   ? ValueAt<float>(from)
            : value_bytes == 8 ? static_cast<float>(ValueAt<double>(from))
                               : FromHalf(ValueAt<std::uint16_t>(from));
    from += value_bytes;
  }
}

}  // namespace

struct VectorFile::State {
  ~State() {
    if (descriptor >= 0) close(descriptor);
  }

  Result<> OpenFile();
  Result<> ReadNpy();
  Result<> ReadFvecs();
  Result<> CheckSize() const;
  Result<> ReadAt(std::uint64_t offset, std::span<std::byte> bytes) const;
  auto Bad(const std::string& what) const {
    return Fail(ErrorCode::kInvalidArgument, path.string() + ": " + what);
  }
  std::size_t row_bytes() const { return before_row + columns * value_bytes; }

  std::filesystem::path path;
  int descriptor = -1;
  std::uint64_t size = 0;
  Format format = Format::kNpy;
  std::size_t value_bytes = 4;
  std::size_t before_row = 0;  // Bytes, in .fvecs.
  std::uint64_t data_offset = 0;
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;
};

Result<> VectorFile::State::OpenFile() {
  // Opening a FIFO would otherwise wait for its writer.
  descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat status {};
  if (descriptor < 0 || fstat(descriptor, &status) != 0) {
    return FailWithErrno(path.string(), errno);
  }
  if (!S_ISREG(status.st_mode)) return Bad("not a regular file");
  size = static_cast<std::uint64_t>(status.st_size);
  return {};
}

Result<> VectorFile::State::ReadAt(std::uint64_t offset,
                                   std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = pread(descriptor, bytes.data(), bytes.size(),
                                static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FailWithErrno(path.string(), errno);
    if (count == 0) {
      return Fail(ErrorCode::kDataLoss,
                  path.string() + " ends at byte " + std::to_string(offset));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

Result<> VectorFile::State::ReadNpy() {
  std::vector<std::byte> start(
      std::min<std::uint64_t>(size, NpyHeader::kMaxBytes));
  if (auto done = ReadAt(0, start); !done) return done;
  auto header = NpyHeader::Parse(start);
  if (!header) return header.Failure(path.string());
  value_bytes = header->value_bytes;
  data_offset = header->data_offset;
  rows = header->rows;
  columns = header->columns;
  return CheckSize();
}

Result<> VectorFile::State::ReadFvecs() {
  std::int32_t first = 0;
  if (size == 0) return Bad("an empty file");
  auto done = ReadAt(0, std::as_writable_bytes(std::span(&first, 1)));
  if (!done) return done;
  if (first < 1 || first > kMaxDimension) {
    return Bad("a vector of dimension " + std::to_string(first) + " at byte 0");
  }
  before_row = sizeof(first);
  columns = static_cast<std::uint64_t>(first);
  rows = size / row_bytes();
  if (size % row_bytes() != 0) {
    return Fail(ErrorCode::kDataLoss,
                path.string() + ": ends in the middle of the vector at byte " +
                    std::to_string(rows * row_bytes()));
  }
  return CheckSize();
}

Result<> VectorFile::State::CheckSize() const {
  if (columns < 1 || columns > kMaxDimension) {
    return Bad("vectors of dimension " + std::to_string(columns) + "; 1 to " +
               std::to_string(kMaxDimension) + " are possible");
  }
  if (rows > kMaxRows) return Bad(std::to_string(rows) + " vectors");
  const std::uint64_t expected = data_offset + rows * row_bytes();
  if (size < expected) {
    return Fail(ErrorCode::kDataLoss, path.string() + ": ends at byte " +
                                          std::to_string(size) + " of " +
                                          std::to_string(expected));
  }
  if (size > expected) {
    return Bad("more than its header says, from byte " +
               std::to_string(expected) + " on");
  }
  return {};
}

VectorFile::VectorFile(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
VectorFile::~VectorFile() = default;
VectorFile::VectorFile(VectorFile&&) noexcept = default;

std::size_t VectorFile::rows() const { return state_->rows; }
int VectorFile::dimension() const { return static_cast<int>(state_->columns); }

Result<VectorFile> VectorFile::Open(const std::filesystem::path& path) {
  auto format = FormatOf(path);
  if (!format) return format.Failure();
  auto state = std::make_unique<State>();
  state->path = path;
  state->format = *format;
  auto done = state->OpenFile();
  if (done) {
    done = *format == Format::kNpy ? state->ReadNpy() : state->ReadFvecs();
  }
  if (!done) return done.Failure();
  return VectorFile(std::move(state));
}

Result<> VectorFile::Read(std::size_t first, std::span<float> vectors) {
  const State& state = *state_;
  const std::size_t columns = state.columns, row_bytes = state.row_bytes();
  OCELLI_CHECK(vectors.size() % columns == 0 && first <= state.rows &&
               vectors.size() / columns <= state.rows - first);
  const std::size_t at_once = std::max<std::size_t>(kReadBytes / row_bytes, 1);
  std::vector<std::byte> bytes;
  while (!vectors.empty()) {
    const std::size_t count = std::min(at_once, vectors.size() / columns);
    const std::uint64_t offset = state.data_offset + first * row_bytes;
    bytes.resize(count * row_bytes);
    if (auto done = state.ReadAt(offset, bytes); !done) return done;
    for (std::size_t row = 0; row < count; ++row) {
      const auto from = std::span(bytes).subspan(row * row_bytes, row_bytes);
      const auto own =
          state.before_row ? ValueAt<std::int32_t>(from.data()) : dimension();
      if (own != dimension()) {
        return state.Bad("a vector of dimension " + std::to_string(own) +
                         " among those of " + std::to_string(columns) +
                         ", at byte " +
                         std::to_string(offset + row * row_bytes));
      }
      Convert(from.subspan(state.before_row), state.value_bytes,
              vectors.subspan(row * columns, columns));
    }
    vectors = vectors.subspan(count * columns);
    first += count;
  }
  return {};
}

struct VectorFileWriter::State {
  NewFile file;
  Format format;
  std::int32_t dimension;
  std::uint64_t rows = 0;
};

VectorFileWriter::VectorFileWriter(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
VectorFileWriter::~VectorFileWriter() = default;
VectorFileWriter::VectorFileWriter(VectorFileWriter&&) noexcept = default;

Result<VectorFileWriter> VectorFileWriter::Create(
    const std::filesystem::path& path, int dimension) {
  auto format = FormatOf(path);
  if (!format) return format.Failure();
  auto file = NewFile::Create(path);
  if (!file) return file.Failure();
  auto state =
      std::make_unique<State>(State{std::move(*file), *format, dimension, 0});
  if (*format == Format::kNpy) {
    const std::string room(kNpyHeaderBytes, ' ');
    auto done = state->file.Append(std::as_bytes(std::span(room)));
    if (!done) return done.Failure();
  }
  return VectorFileWriter(std::move(state));
}

Result<> VectorFileWriter::Append(std::span<const float> vector) {
  OCELLI_CHECK(vector.size() == static_cast<std::size_t>(state_->dimension));
  ++state_->rows;
  if (state_->format == Format::kFvecs) {
    auto done = state_->file.Append(
        std::as_bytes(std::span<const std::int32_t>(&state_->dimension, 1)));
    if (!done) return done;
  }
  return state_->file.Append(std::as_bytes(vector));
}

Result<> VectorFileWriter::Finish() {
  if (state_->format == Format::kNpy) {
    const std::string header = FormatNpyHeader(
        state_->rows, static_cast<std::uint64_t>(state_->dimension));
    auto done = state_->file.Overwrite(0, std::as_bytes(std::span(header)));
    if (!done) return done;
  }
  return state_->file.Publish(NewFile::Care::kDurable);
}

Result<IntTable> ReadIvecs(const std::filesystem::path& path) {
  auto bytes = ReadFileLimited(path, kMaxIvecsBytes);
  if (!bytes) return bytes.Failure();
  const auto bad = [&](const std::string& what, std::size_t at) {
    return Fail(ErrorCode::kInvalidArgument,
                path.string() + ": " + what + " at byte " + std::to_string(at));
  };
  IntTable table;
  for (std::size_t at = 0; at < bytes->size();) {
    if (bytes->size() - at < sizeof(std::int32_t)) return bad("half a row", at);
    const auto columns = ValueAt<std::int32_t>(bytes->data() + at);
    if (columns < 1 || (table.rows > 0 &&
                        static_cast<std::size_t>(columns) != table.columns)) {
      return bad("a row of " + std::to_string(columns), at);
    }
    table.columns = static_cast<std::size_t>(columns);
    const std::size_t size = table.columns * sizeof(std::int32_t);
    if (bytes->size() - at - sizeof(columns) < size) {
      return bad("half a row", at);
    }
    const std::size_t filled = table.values.size();
    table.values.resize(filled + table.columns);
    std::memcpy(&table.values[filled], bytes->data() + at + sizeof(columns),
                size);
    ++table.rows;
    at += sizeof(columns) + size;
  }
  return table;
}

Result<> WriteIvecs(const std::filesystem::path& path, const IntTable& table) {
  OCELLI_CHECK(table.values.size() == table.rows * table.columns);
  std::vector<std::int32_t> numbers;
  for (std::size_t row = 0; row < table.rows; ++row) {
    const auto from =
        table.values.begin() + static_cast<std::ptrdiff_t>(row * table.columns);
    numbers.push_back(static_cast<std::int32_t>(table.columns));
    numbers.insert(numbers.end(), from,
                   from + static_cast<std::ptrdiff_t>(table.columns));
  }
  return WriteFileAtomically(
      path, std::as_bytes(std::span<const std::int32_t>(numbers)));
}

}  // namespace ocelli
