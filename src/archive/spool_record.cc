#include "archive/spool_record.h"

#include <algorithm>
#include <concepts>
#include <cstring>
#include <string_view>
#include <vector>

#include "core/digest.h"

namespace ocelli {
namespace {

constexpr std::string_view kMagic{"OCLSPL\0\1", 8};
constexpr std::size_t kChecked = 96;
constexpr std::uint32_t kDroppedFlag = 1;
// More than a picture can have; damaged sizes allocate nothing.
constexpr std::uint64_t kMaxPicture = std::uint64_t{1} << 32;

template <std::integral T>
void Put(SpoolHeadBytes& bytes, std::size_t at, T value) {
  const auto number = static_cast<std::uint64_t>(value);
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bytes[at + i] = static_cast<std::byte>(number >> (8 * i) & 255);
  }
}

template <std::integral T>
T Get(std::span<const std::byte, kSpoolHeadBytes> bytes, std::size_t at) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    number |= std::to_integer<std::uint64_t>(bytes[at + i]) << (8 * i);
  }
  return static_cast<T>(number);
}

std::array<std::uint8_t, 8> CheckOf(std::span<const std::byte> head) {
  const Digest digest = Sha256(head.first(kChecked));
  std::array<std::uint8_t, 8> check = {};
  std::copy_n(digest.bytes.begin(), check.size(), check.begin());
  return check;
}

}  // namespace

std::uint64_t SpoolHead::size() const {
  return kSpoolHeadBytes + (dropped ? 0 : record.bytes);
}

SpoolHeadBytes EncodeHead(const SpoolHead& head) {
  const auto microseconds = [](auto duration) {
    return std::chrono::floor<std::chrono::microseconds>(duration).count();
  };
  const FrameRecord& record = head.record;
  SpoolHeadBytes bytes = {};
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  Put(bytes, 8, head.dropped ? kDroppedFlag : 0u);
  Put(bytes, 12, record.run);
  Put(bytes, 16, record.seq);
  Put(bytes, 24, record.bytes);
  Put(bytes, 32, head.synced_before);
  Put(bytes, 40, microseconds(record.pts));
  Put(bytes, 48, microseconds(record.time.time_since_epoch()));
  Put(bytes, 56, record.width);
  Put(bytes, 60, record.height);
  std::memcpy(bytes.data() + 64, record.digest.bytes.data(), 32);
  std::memcpy(bytes.data() + kChecked, CheckOf(bytes).data(), 8);
  return bytes;
}

std::optional<SpoolHead> DecodeHead(
    std::span<const std::byte, kSpoolHeadBytes> bytes) {
  if (std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0 ||
      std::memcmp(bytes.data() + kChecked, CheckOf(bytes).data(), 8) != 0) {
    return std::nullopt;
  }
  SpoolHead head;
  FrameRecord& record = head.record;
  const auto flags = Get<std::uint32_t>(bytes, 8);
  head.dropped = flags == kDroppedFlag;
  record.run = Get<std::uint32_t>(bytes, 12);
  record.seq = Get<std::uint64_t>(bytes, 16);
  record.bytes = Get<std::uint64_t>(bytes, 24);
  head.synced_before = Get<std::uint64_t>(bytes, 32);
  record.pts = std::chrono::microseconds(Get<std::int64_t>(bytes, 40));
  record.time = std::chrono::system_clock::time_point(
      std::chrono::microseconds(Get<std::int64_t>(bytes, 48)));
  record.width = Get<std::int32_t>(bytes, 56);
  record.height = Get<std::int32_t>(bytes, 60);
  std::memcpy(record.digest.bytes.data(), bytes.data() + 64, 32);
  if (flags > kDroppedFlag || record.bytes > kMaxPicture) return std::nullopt;
  return head;
}

Result<std::optional<FoundHead>> FindHead(const SpoolFile& file,
                                          const SpoolSpan& span) {
  const auto head_in =
      [&](std::span<const std::byte> bytes) -> std::optional<SpoolHead> {
    if (bytes.size() < kSpoolHeadBytes) return std::nullopt;
    auto head = DecodeHead(bytes.first<kSpoolHeadBytes>());
    if (!head || head->record.seq < span.first_seq ||
        head->record.seq >= span.end_seq) {
      return std::nullopt;
    }
    return head;
  };
  std::uint64_t begin = span.offset;
  for (;;) {
    if (begin + kSpoolHeadBytes > span.end_offset) return std::nullopt;
    SpoolHeadBytes here = {};
    auto count = file.Read(begin, here);
    if (!count) return count.Failure();
    const auto head = *count == here.size() ? DecodeHead(here) : std::nullopt;
    if (!head || head->record.seq >= span.end_seq) break;
    if (head->record.seq >= span.first_seq) return FoundHead{*head, begin};
    begin += head->size();
  }

  // Blocks that share all but one byte of a head, so that none is cut in two.
  std::vector<std::byte> block(64 << 10);
  const std::uint64_t step = block.size() - (kSpoolHeadBytes - 1);
  for (std::uint64_t at = begin; at + kSpoolHeadBytes <= span.end_offset;
       at += step) {
    const auto wanted = static_cast<std::size_t>(
        std::min<std::uint64_t>(block.size(), span.end_offset - at));
    const auto count = file.Read(at, std::span(block).first(wanted));
    if (!count) return count.Failure();
    const std::string_view text(reinterpret_cast<const char*>(block.data()),
                                *count);
    for (auto found = text.find(kMagic); found != text.npos;
         found = text.find(kMagic, found + 1)) {
      const auto rest = std::span<const std::byte>(block).first(*count);
      if (auto head = head_in(rest.subspan(found))) {
        return FoundHead{*head, at + found};
      }
    }
  }
  return std::nullopt;
}

Result<std::string> DamageOf(const SpoolFile& file, const FoundHead& found) {
  const FrameRecord& record = found.head.record;
  if (found.head.dropped) return "";
  Sha256Stream digest;
  std::vector<std::byte> block(static_cast<std::size_t>(
      std::min<std::uint64_t>(record.bytes, 256 << 10)));
  for (std::uint64_t done = 0; done < record.bytes;) {
    const auto wanted = static_cast<std::size_t>(
        std::min<std::uint64_t>(block.size(), record.bytes - done));
    auto count = file.Read(found.offset + kSpoolHeadBytes + done,
                           std::span(block).first(wanted));
    if (!count) return count.Failure();
    if (*count < wanted) {
      return "its file ends after " + std::to_string(done + *count) + " of " +
             std::to_string(record.bytes) + " bytes";
    }
    digest.Update(std::span(block).first(wanted));
    done += wanted;
  }
  const Digest now = digest.Finish();
  if (now == record.digest) return "";
  return "its SHA-256 is " + now.ToHex() + " instead of " +
         record.digest.ToHex();
}

}  // namespace ocelli
