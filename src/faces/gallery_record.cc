#include "faces/gallery_record.h"

#include <bit>
#include <cmath>
#include <concepts>
#include <cstring>

#include "faces/gallery_matching.h"

namespace ocelli {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMark = "OcFa";
constexpr std::uint8_t kVersion = 1;
// Of the byte after it.
constexpr std::uint8_t kRejected = 1, kHasPicture = 2;
// More than any path or address has; also bounds what one face costs.
constexpr std::size_t kMaxSourceBytes = 4096;
constexpr float kMaxPixels = 1e6f;
constexpr std::int64_t kMaxSeconds = 100'000'000'000;

template <typename T>
void Append(std::string& to, const T& value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// Takes values from the front; a short input gives zeros and is not ok().
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
  T Take() {
    T value{};
    const std::string_view bytes = Take(sizeof(T));
    if (ok_) std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  std::string_view Take(std::size_t size) {
    if (size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  bool ok() const { return ok_; }
  bool ended() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

auto Bad(const std::string& what) {
  return Fail(ErrorCode::kDataLoss, "a face's record " + what);
}

bool Within(float value, float low, float high) {
  return value >= low && value <= high;  // Also no NaN.
}

}  // namespace

std::string FormatFaceRecord(const FaceRow& row) {
  const GalleryLine& line = row.line;
  const std::string_view source =
      std::string_view(line.source).substr(0, kMaxSourceBytes);
  std::string bytes(kMark);
  Append(bytes, kVersion);
  Append(bytes, static_cast<std::uint8_t>((line.rejected ? kRejected : 0) |
                                          (row.has_picture ? kHasPicture : 0)));
  Append(bytes, static_cast<std::uint16_t>(source.size()));
  Append(bytes, static_cast<std::uint16_t>(line.descriptor.size()));
  Append(bytes, row.person);
  Append(bytes, line.created);
  Append(bytes, line.model.bytes);
  Append(bytes, line.image.bytes);
  for (const float value :
       {line.box.x, line.box.y, line.box.width, line.box.height,
        line.quality.size, line.quality.sharpness, line.quality.frontality,
        line.quality.overall}) {
    Append(bytes, value);
  }
  bytes.append(source);
  bytes.append(reinterpret_cast<const char*>(line.descriptor.data()),
               line.descriptor.size() * sizeof(float));
  return bytes;
}

Result<FaceRow> ParseFaceRecord(std::string_view bytes) {
  if (bytes.empty() || bytes.size() > kMaxFaceRecordBytes) {
    return Bad("is empty or too large");
  }
  Reader reader(bytes);
  if (reader.Take(kMark.size()) != kMark) {
    return Bad("was written by another program");
  }
  if (const auto version = reader.Take<std::uint8_t>(); version != kVersion) {
    return Bad("is of version " + std::to_string(version));
  }
  FaceRow row;
  GalleryLine& line = row.line;
  const auto kind = reader.Take<std::uint8_t>();
  if (kind > (kRejected | kHasPicture)) {
    return Bad("is neither a face nor a rejection");
  }
  line.rejected = (kind & kRejected) != 0;
  row.has_picture = (kind & kHasPicture) != 0;
  const std::size_t source_bytes = reader.Take<std::uint16_t>();
  const std::size_t values = reader.Take<std::uint16_t>();
  row.person = reader.Take<std::int64_t>();
  line.created = reader.Take<std::int64_t>();
  line.model.bytes = reader.Take<decltype(line.model.bytes)>();
  line.image.bytes = reader.Take<decltype(line.image.bytes)>();
  for (float* value :
       {&line.box.x, &line.box.y, &line.box.width, &line.box.height}) {
    *value = reader.Take<float>();
    if (!Within(*value, -kMaxPixels, kMaxPixels)) {
      return Bad("has a box out of range");
    }
  }
  for (float* value : {&line.quality.size, &line.quality.sharpness,
                       &line.quality.frontality, &line.quality.overall}) {
    *value = reader.Take<float>();
    if (!Within(*value, 0, 1)) return Bad("has a quality out of range");
  }
  line.source = reader.Take(source_bytes);
  if (source_bytes > kMaxSourceBytes || values > kMaxDescriptorValues ||
      !reader.ok()) {
    return Bad("is cut short or too long");
  }
  line.descriptor.resize(values);
  const std::string_view descriptor = reader.Take(values * sizeof(float));
  if (!reader.ended()) return Bad("is cut short or too long");
  if (values > 0) {
    std::memcpy(line.descriptor.data(), descriptor.data(), descriptor.size());
  }
  if (row.person <= 0 || line.created < 0 || line.created > kMaxSeconds) {
    return Bad("has a number out of range");
  }
  if (values > 0 ? !Normalize(line.descriptor) : !line.rejected) {
    return Bad("has no usable descriptor");
  }
  return row;
}

}  // namespace ocelli
