#include "models/tar.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string_view>

namespace ocelli {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::uint64_t kMaxExtension = 64 << 10;  // Of a long name.

// The fields of a header, POSIX.1-1988 (ustar).
std::string_view Field(std::string_view header, std::size_t first,
                       std::size_t size) {
  const std::string_view field = header.substr(first, size);
  return field.substr(0, std::min(field.find('\0'), field.size()));
}

// Octal digits between blanks. Not GNU's base 256, for more than 8 GiB.
Result<std::uint64_t> Octal(std::string_view field) {
  std::uint64_t number = 0;
  for (const char c : field) {
    if (c == ' ') continue;
    if (c < '0' || c > '7') {
      return Fail(ErrorCode::kDataLoss, "damaged tar archive");
    }
    number = number << 3 | static_cast<std::uint64_t>(c - '0');
  }
  return number;
}

// The value of "path" among the "LENGTH KEY=VALUE\n" of a pax header.
std::string PaxPath(std::string_view records) {
  while (!records.empty()) {
    std::size_t length = 0;
    std::size_t digits = 0;
    while (digits < records.size() && records[digits] >= '0' &&
           records[digits] <= '9' && digits < 6) {
      length = length * 10 + static_cast<std::size_t>(records[digits++] - '0');
    }
    if (length <= digits + 1 || length > records.size()) break;
    std::string_view record = records.substr(digits + 1, length - digits - 2);
    if (record.starts_with("path=")) return std::string(record.substr(5));
    records.remove_prefix(length);
  }
  return {};
}

}  // namespace

Result<> TarReader::Feed(std::span<const std::byte> bytes) {
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()),
                        bytes.size());
  while (!rest.empty()) {
    if (type_ != 0 && left_ > 0) {
      const auto count =
          static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size()));
      if (keep_) bytes_.append(rest.substr(0, count));
      left_ -= count;
      rest.remove_prefix(count);
    } else if (type_ == 0 && padding_ > 0) {
      const auto count = static_cast<std::size_t>(
          std::min<std::uint64_t>(padding_, rest.size()));
      padding_ -= count;
      rest.remove_prefix(count);
    } else {
      const std::size_t count = std::min(kBlock - header_.size(), rest.size());
      header_.append(rest.substr(0, count));
      rest.remove_prefix(count);
      if (header_.size() == kBlock) {
        if (auto read = ReadHeader(); !read) return read;
        header_.clear();
      }
    }
    if (type_ != 0 && left_ == 0) {
      if (auto ended = EndEntry(); !ended) return ended;
    }
  }
  return {};
}

Result<> TarReader::ReadHeader() {
  // Two blocks of zeros end an archive; more may fill it up.
  if (header_.find_first_not_of('\0') == header_.npos) return {};
  const auto expected = Octal(Field(header_, 148, 8));
  if (!expected) return expected.Failure();
  // The checksum counts its own field as blanks.
  std::uint64_t sum = std::uint64_t{8} * ' ';
  for (std::size_t i = 0; i < kBlock; ++i) {
    if (i < 148 || i >= 156) sum += static_cast<unsigned char>(header_[i]);
  }
  if (sum != *expected) {
    return Fail(ErrorCode::kDataLoss, "not a tar archive, or damaged");
  }
  const auto size = Octal(Field(header_, 124, 12));
  if (!size) return size.Failure();

  type_ = header_[156] == '\0' ? '0' : header_[156];
  left_ = *size;
  padding_ = (kBlock - *size % kBlock) % kBlock;
  bytes_.clear();
  if (type_ == 'x' || type_ == 'L') {
    keep_ = true;
    if (left_ > kMaxExtension) {
      return Fail(ErrorCode::kDataLoss, "damaged tar archive");
    }
    return {};
  }
  name_ = Field(header_, 0, 100);
  if (const auto prefix = Field(header_, 345, 155);
      !prefix.empty() && Field(header_, 257, 6) == "ustar") {
    name_ = std::string(prefix) + "/" + name_;
  }
  if (!long_name_.empty()) name_ = std::move(long_name_);
  long_name_.clear();
  keep_ = false;
  if (type_ == '0') {
    const auto wanted = want_(name_, left_);
    if (!wanted) return wanted.Failure();
    keep_ = *wanted;
  }
  return {};
}

Result<> TarReader::EndEntry() {
  const char type = std::exchange(type_, '\0');
  if (type == 'x') {
    long_name_ = PaxPath(bytes_);
  } else if (type == 'L') {
    long_name_ = Field(bytes_, 0, bytes_.size());
  } else if (keep_) {
    return take_(name_, std::exchange(bytes_, {}));
  }
  return {};
}

Result<> TarReader::Finish() const {
  if (type_ == 0 && padding_ == 0 && header_.empty()) return {};
  return Fail(ErrorCode::kDataLoss, "the tar archive is cut off");
}

Result<> ReadTarGz(const std::filesystem::path& archive, TarReader& reader) {
  const auto fail = [&](const char* what) {
    return Fail(ErrorCode::kDataLoss, archive.string() + ": " + what);
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      std::fopen(archive.c_str(), "rbe"), std::fclose);
  if (!file) {
    return Fail(ErrorCode::kNotFound, archive.string() + ": can't be read");
  }
  z_stream stream{};
  constexpr int kGzip = 16;  // Added to the window's bits.
  if (inflateInit2(&stream, MAX_WBITS + kGzip) != Z_OK) {
    return Fail(ErrorCode::kResourceExhausted, "zlib has no memory");
  }
  const std::unique_ptr<z_stream, int (*)(z_stream*)> inflating(&stream,
                                                                inflateEnd);
  std::array<unsigned char, 64 << 10> packed;
  std::array<unsigned char, 256 << 10> plain;
  int state = Z_OK;
  while (const std::size_t count =
             std::fread(packed.data(), 1, packed.size(), file.get())) {
    stream.next_in = packed.data();
    stream.avail_in = static_cast<unsigned>(count);
    do {
      // A gzip file may consist of several.
      if (state == Z_STREAM_END) inflateReset(&stream);
      stream.next_out = plain.data();
      stream.avail_out = static_cast<unsigned>(plain.size());
      state = inflate(&stream, Z_NO_FLUSH);
      // Z_BUF_ERROR: all that came is used up.
      if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR) {
        return fail("damaged gzip");
      }
      const auto fed = reader.Feed(std::as_bytes(
          std::span(plain.data(), plain.size() - stream.avail_out)));
      if (!fed) return fed.Failure(archive.string());
    } while (stream.avail_in > 0 ||
             (stream.avail_out == 0 && state != Z_STREAM_END));
  }
  if (state != Z_STREAM_END) return fail("cut off");
  const auto finished = reader.Finish();
  if (!finished) return finished.Failure(archive.string());
  return {};
}

}  // namespace ocelli
