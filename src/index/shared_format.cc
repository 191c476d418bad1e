#include "index/shared_format.h"

#include <xxhash.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>

#include "core/parse_number.h"
#include "index/similarity.h"

namespace ocelli {
namespace {

static_assert(std::endian::native == std::endian::little,
              "numbers in Redis are little-endian");

constexpr std::string_view kFormat = "ocelli collection 1";
constexpr std::string_view kRecordMagic = "I1";
constexpr std::uint32_t kMaxTextBytes = 1 << 20;
constexpr std::uint32_t kMaxMetadata = 10'000;
constexpr std::size_t kTokenDigits = 32;

auto Foreign(std::string_view what) {
  return Fail(ErrorCode::kDataLoss,
              std::string(what) + " in Redis is not what ocelli wrote there");
}

template <typename T>
void AppendNumber(T value, std::string& bytes) {
  char raw[sizeof(value)];
  std::memcpy(raw, &value, sizeof(value));
  bytes.append(raw, sizeof(value));
}

void AppendText(std::string_view text, std::string& bytes) {
  AppendNumber(static_cast<std::uint32_t>(text.size()), bytes);
  bytes += text;
}

// Takes apart what those two put together; everything fails after the first
// failure.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  std::string_view Take(std::size_t count) {
    if (count > bytes_.size()) ok_ = false;
    if (!ok_) return {};
    const auto taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }
  template <typename T>
  T Number() {
    T value{};
    const auto raw = Take(sizeof(value));
    if (ok_) std::memcpy(&value, raw.data(), sizeof(value));
    return value;
  }
  std::string_view Text() {
    const auto size = Number<std::uint32_t>();
    if (size > kMaxTextBytes) ok_ = false;
    return Take(size);
  }
  bool ok() const { return ok_; }
  bool done() const { return ok_ && bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

std::optional<int> NumberIn(std::string_view text, int least, int most) {
  const auto number = ParseNumber<int>(text);
  return number && *number >= least && *number <= most ? number : std::nullopt;
}

std::string InPartition(std::string_view name, int partition) {
  return "ocelli:c:{" + std::string(name) + ':' + std::to_string(partition) +
         '}';
}

}  // namespace

std::string SharedSpecKey(std::string_view name) {
  return "ocelli:c:{" + std::string(name) + '}';
}

std::string SharedItemsKey(std::string_view name, int partition) {
  return InPartition(name, partition) + ":i";
}

std::string SharedVectorsKey(std::string_view name, int partition) {
  return InPartition(name, partition) + ":v";
}

int PartitionOf(std::string_view id, int partitions) {
  return static_cast<int>(XXH64(id.data(), id.size(), 0) %
                          static_cast<std::uint64_t>(partitions));
}

const std::vector<std::string>& SharedSpecFields() {
  static const std::vector<std::string> kFields = {
      "format",       "embedder",   "fingerprint", "dimension",
      "quantization", "partitions", "token",       "ready"};
  return kFields;
}

std::vector<std::string> SharedSpecValues(const SharedSpec& spec) {
  return {std::string(kFormat),
          spec.spec.embedder,
          spec.spec.fingerprint.ToHex(),
          std::to_string(spec.spec.dimension),
          std::string(NameOf(spec.quantization)),
          std::to_string(spec.partitions),
          spec.token,
          spec.ready ? "1" : "0"};
}

Result<std::optional<SharedSpec>> ReadSharedSpec(std::string_view name,
                                                 const RedisReply& values) {
  const std::string what = "the key " + SharedSpecKey(name);
  if (values.elements.size() != SharedSpecFields().size()) {
    return Foreign(what);
  }
  std::vector<std::string> texts;
  bool any = false;
  for (const RedisReply& value : values.elements) {
    any |= value.is_text();
    texts.push_back(value.text);
  }
  if (!any) return std::nullopt;
  if (texts[0] != kFormat) {
    if (!texts[0].starts_with("ocelli collection ")) return Foreign(what);
    return Fail(ErrorCode::kFailedPrecondition,
                what +
                    " was written by another version of ocelli; every"
                    " machine needs the same");
  }
  const auto fingerprint = Digest::FromHex(texts[2]);
  const auto dimension = NumberIn(texts[3], 1, kMaxDimension);
  const auto quantization = ParseQuantization(texts[4]);
  const auto partitions = NumberIn(texts[5], 1, kMaxPartitions);
  if (!fingerprint || !dimension || !quantization || !partitions ||
      texts[6].size() != kTokenDigits || texts[1].size() > kMaxTextBytes) {
    return Foreign(what);
  }
  SharedSpec spec;
  spec.spec = {.name = std::string(name),
               .embedder = texts[1],
               .fingerprint = *fingerprint,
               .dimension = *dimension};
  spec.quantization = *quantization;
  spec.partitions = *partitions;
  spec.token = texts[6];
  spec.ready = texts[7] == "1";
  return spec;
}

std::string NewSharedToken() {
  std::random_device random;
  std::string token;
  while (token.size() < kTokenDigits) {
    token += "0123456789abcdef"[random() % 16];
  }
  return token;
}

std::string SharedHeading(std::string_view token) {
  return std::string(kSharedHeading) + std::string(token);
}

Result<> CheckSharedItem(const Item& item) {
  const auto fits = [](const std::string& text) {
    return text.size() <= kMaxTextBytes;
  };
  bool all = fits(item.path) && item.metadata.size() <= kMaxMetadata;
  for (const auto& [key, value] : item.metadata) {
    all = all && fits(key) && fits(value);
  }
  if (all) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "\"" + item.id +
                  "\": a shared collection keeps up to a megabyte of each text"
                  " and 10,000 texts of one picture");
}

std::string SharedVectorDigest(std::span<const float> vector) {
  const Digest digest = Sha256(std::as_bytes(vector));
  return {reinterpret_cast<const char*>(digest.bytes.data()),
          kSharedDigestBytes};
}

std::string WriteSharedRecord(const SharedRecord& record) {
  std::string bytes(kRecordMagic);
  AppendNumber(record.number, bytes);
  bytes += record.vector_digest;
  const auto& digest = record.item.digest.bytes;
  bytes.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  AppendText(record.item.path, bytes);
  AppendNumber(static_cast<std::uint32_t>(record.item.metadata.size()), bytes);
  for (const auto& [key, value] : record.item.metadata) {
    AppendText(key, bytes);
    AppendText(value, bytes);
  }
  return bytes;
}

Result<SharedRecord> ReadSharedRecord(std::string id, std::string_view bytes) {
  Reader reader(bytes);
  const bool ours = reader.Take(kRecordMagic.size()) == kRecordMagic;
  SharedRecord record;
  record.number = reader.Number<std::uint64_t>();
  record.vector_digest = reader.Take(kSharedDigestBytes);
  auto& digest = record.item.digest.bytes;
  const auto raw = reader.Take(digest.size());
  if (reader.ok()) std::memcpy(digest.data(), raw.data(), digest.size());
  record.item.path = reader.Text();
  const auto count = reader.Number<std::uint32_t>();
  if (!ours || count > kMaxMetadata) return Foreign("an item");
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
    const auto key = reader.Text(), value = reader.Text();
    record.item.metadata.emplace(key, value);
  }
  if (!reader.done()) return Foreign("an item");
  record.item.id = std::move(id);
  return record;
}

Result<std::vector<float>> ReadKeptVector(std::span<const RedisReply> raw,
                                          int dimension) {
  const auto size = static_cast<std::size_t>(dimension);
  if (raw.size() < 3) return Foreign("a vector");
  const std::string &kind = raw[0].text, &bytes = raw[1].text;
  std::vector<float> vector(size);
  if (kind == "f32" && bytes.size() == size * sizeof(float)) {
    std::memcpy(vector.data(), bytes.data(), bytes.size());
  } else if (kind == "int8" && bytes.size() == size) {
    // The scale makes no difference at unit length.
    for (std::size_t i = 0; i < size; ++i) {
      vector[i] = static_cast<signed char>(bytes[i]);
    }
  } else if (kind == "bin" && bytes.size() == (size + 63) / 64 * 8) {
    for (std::size_t i = 0; i < size; ++i) {
      const bool positive = (bytes[i / 8] >> (i % 8)) & 1;
      vector[i] = positive ? 1.0f : -1.0f;
    }
  } else {
    return Foreign("a vector");
  }
  if (!PrepareVector(Metric::kCosine, dimension, vector)) {
    return Foreign("a vector");
  }
  return vector;
}

}  // namespace ocelli
