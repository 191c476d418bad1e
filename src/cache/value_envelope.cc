#include "cache/value_envelope.h"

#include <zstd.h>

#include <bit>
#include <cstring>
#include <memory>

namespace ocelli {
namespace {

// Meshes shrink to 85 % only, and unpacking takes longer than loopback would
// (docs/benchmarks.md): it is for the memory of Redis and for slow networks.
constexpr std::size_t kCompressFrom = 128 << 10;
constexpr int kCompressionLevel = 1;

// Little-endian, as every machine that we run on.
struct Header {
  char magic[4];
  std::uint8_t version;
  std::uint8_t compressed;
  std::uint16_t reserved;
  std::uint32_t size;  // Of the value, before it was compressed.
  std::uint32_t zero;
  std::int64_t checksum;  // Of key, this with a checksum of 0, and the rest.
};
static_assert(sizeof(Header) == 24 &&
              std::endian::native == std::endian::little);

constexpr char kMagic[4] = {'O', 'c', 'R', 's'};
constexpr std::uint8_t kVersion = 1;

std::uint64_t Word(const void* bytes, std::size_t size = 8) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, size);
  return word;
}

// Checksum of a whole sealed value, in which that of the header is 0.
std::int64_t SealOf(const ResultKey& key, std::string& sealed) {
  constexpr auto kAt = offsetof(Header, checksum);
  std::memset(sealed.data() + kAt, 0, sizeof(Header::checksum));
  return ValueChecksum(key, std::as_bytes(std::span(sealed)));
}

struct FreeContext {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

std::optional<std::string> Decompress(std::string_view bytes,
                                      std::size_t size) {
  if (ZSTD_getFrameContentSize(bytes.data(), bytes.size()) != size) {
    return std::nullopt;
  }
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> context(
      ZSTD_createDCtx());
  std::string value(size, '\0');
  const std::size_t written = ZSTD_decompressDCtx(
      context.get(), value.data(), size, bytes.data(), bytes.size());
  if (ZSTD_isError(written) || written != size) return std::nullopt;
  return value;
}

}  // namespace

std::int64_t ValueChecksum(const ResultKey& key,
                           std::span<const std::byte> value) {
  // Each step maps the sum so far one to one. Several times faster than
  // SHA-256.
  std::uint64_t sum = value.size();
  const auto add = [&sum](std::uint64_t word) {
    sum = std::rotl((sum ^ word) * 0x9e3779b97f4a7c15u, 29);
  };
  for (std::size_t i = 0; i < key.image.bytes.size(); i += 8) {
    add(Word(&key.image.bytes[i]));
    add(Word(&key.fingerprint.bytes[i]));
  }
  std::size_t i = 0;
  for (; i + 8 <= value.size(); i += 8) add(Word(value.data() + i));
  if (i < value.size()) add(Word(value.data() + i, value.size() - i));
  return static_cast<std::int64_t>(sum);
}

std::string SealValue(const ResultKey& key, std::string_view value) {
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.version = kVersion;
  header.size = static_cast<std::uint32_t>(value.size());
  std::string sealed(sizeof(header), '\0');
  if (value.size() >= kCompressFrom) {
    sealed.resize(sizeof(header) + ZSTD_compressBound(value.size()));
    const std::size_t written = ZSTD_compress(
        sealed.data() + sizeof(header), sealed.size() - sizeof(header),
        value.data(), value.size(), kCompressionLevel);
    header.compressed =
        !ZSTD_isError(written) && written < value.size() - value.size() / 8;
    sealed.resize(sizeof(header) + (header.compressed ? written : 0));
  }
  if (!header.compressed) sealed += value;
  std::memcpy(sealed.data(), &header, sizeof(header));
  header.checksum = SealOf(key, sealed);
  std::memcpy(sealed.data(), &header, sizeof(header));
  return sealed;
}

std::optional<std::string> OpenValue(const ResultKey& key, std::string sealed) {
  Header header;
  if (sealed.size() < sizeof(header)) return std::nullopt;
  std::memcpy(&header, sealed.data(), sizeof(header));
  if (std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0 ||
      header.version != kVersion || header.size > kMaxSealedValue ||
      header.checksum != SealOf(key, sealed)) {
    return std::nullopt;
  }
  if (header.compressed != 0) {
    return Decompress(std::string_view(sealed).substr(sizeof(header)),
                      header.size);
  }
  sealed.erase(0, sizeof(header));
  if (sealed.size() != header.size) return std::nullopt;
  return sealed;
}

}  // namespace ocelli
