#include "archive/manifest.h"

#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/utc_time.h"
#include "store/object_store.h"

namespace ocelli {
namespace {

using nlohmann::json;

// Of keys, so that they sort by seq.
constexpr std::uint64_t kMaxSeq = 999'999'999'999;
constexpr std::size_t kMaxLineBytes = 16 << 10;

constexpr std::string_view kChainBegins = ",\"chain\":\"";
constexpr std::string_view kChainEnds = "\"}";
constexpr std::size_t kHexDigits = 2 * sizeof(Digest::bytes);
constexpr std::size_t kChainBytes =
    kChainBegins.size() + kHexDigits + kChainEnds.size();

std::string TwelveDigits(std::uint64_t number) {
  char text[24];
  std::snprintf(text, sizeof(text), "%012" PRIu64, number);
  return text;
}

// "1.4", "-0.04", "12": exact, as short as it goes.
std::string SecondsText(std::chrono::microseconds time) {
  const bool negative = time.count() < 0;
  const auto count = static_cast<std::uint64_t>(time.count());
  const std::uint64_t magnitude = negative ? 0 - count : count;
  char text[40];
  int length = std::snprintf(text, sizeof(text), "%s%" PRIu64 ".%06" PRIu64,
                             negative ? "-" : "", magnitude / 1'000'000,
                             magnitude % 1'000'000);
  while (text[length - 1] == '0') --length;
  if (text[length - 1] == '.') --length;
  return {text, static_cast<std::size_t>(length)};
}

// A key that CheckKey() takes as a string of JSON.
std::string Quoted(std::string_view key) {
  std::string text = "\"";
  for (const char c : key) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + '"';
}

auto Bad(const std::string& what) {
  return Fail(ErrorCode::kDataLoss, "not a line of a manifest: " + what);
}

// Digits in upper case would be the same digest in another text.
Result<Digest> ParseDigest(std::string_view hex) {
  if (hex.find_first_of("ABCDEF") != hex.npos) {
    return Fail(ErrorCode::kInvalidArgument, "digits in upper case");
  }
  return Digest::FromHex(hex);
}

// Reads the members of one object; the first failure stays.
class Members {
 public:
  explicit Members(const json& object) : object_(object) {}

  template <typename Number>
  Number Unsigned(const char* name, std::uint64_t most) {
    const auto found = object_.find(name);
    if (found == object_.end() || !found->is_number_unsigned() ||
        found->get<std::uint64_t>() > most) {
      Refuse(std::string(name) + " must be a whole number of at most " +
             std::to_string(most));
      return 0;
    }
    return static_cast<Number>(found->get<std::uint64_t>());
  }

  double Double(const char* name, double most) {
    const auto found = object_.find(name);
    if (found == object_.end() || !found->is_number() ||
        !(std::abs(found->get<double>()) <= most)) {
      Refuse(std::string(name) + " must be a number");
      return 0;
    }
    return found->get<double>();
  }

  // False where there is none.
  bool Flag(const char* name) {
    const auto found = object_.find(name);
    if (found == object_.end()) return false;
    if (!found->is_boolean()) {
      Refuse(std::string(name) + " must be true or false");
      return false;
    }
    return found->get<bool>();
  }

  std::string Text(const char* name) {
    const auto found = object_.find(name);
    if (found == object_.end() || !found->is_string()) {
      Refuse(std::string(name) + " must be a string");
      return {};
    }
    return found->get<std::string>();
  }

  void Refuse(std::string what) {
    if (refused_.empty()) refused_ = std::move(what);
  }
  const std::string& refused() const { return refused_; }

 private:
  const json& object_;
  std::string refused_;
};

void ReadKey(Members& members, std::string& key) {
  key = members.Text("key");
  if (!members.refused().empty()) return;
  if (const auto fine = CheckKey(key); !fine) {
    members.Refuse("key: " + fine.error().message);
  } else if (key.starts_with(kManifestFolder)) {
    members.Refuse("key: " + key + " is not that of a frame");
  }
}

}  // namespace

std::string FrameKey(const FrameRecord& frame) {
  std::string text = UtcText(frame.time).substr(0, 13);  // To the hour.
  for (char& c : text) {
    if (c == '-' || c == 'T') c = '/';
  }
  return text + "/" + TwelveDigits(frame.seq) + "-" +
         frame.digest.ToHex().substr(0, 8) + ".jpg";
}

std::string ManifestKey(std::uint64_t first_seq) {
  return std::string(kManifestFolder) + TwelveDigits(first_seq) + ".jsonl";
}

std::optional<std::uint64_t> FirstSeqOf(std::string_view manifest_key) {
  constexpr std::string_view kEnd = ".jsonl";
  constexpr std::size_t kDigits = 12;
  if (manifest_key.size() != kManifestFolder.size() + kDigits + kEnd.size() ||
      !manifest_key.starts_with(kManifestFolder) ||
      !manifest_key.ends_with(kEnd)) {
    return std::nullopt;
  }
  std::uint64_t seq = 0;
  for (const char c : manifest_key.substr(kManifestFolder.size(), kDigits)) {
    if (c < '0' || c > '9') return std::nullopt;
    seq = seq * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return seq;
}

Digest ChainStart() { return {}; }

std::string FormatLine(ManifestLine& line, const Digest& before) {
  const FrameRecord& frame = line.frame;
  std::string text;
  text.reserve(480);
  text += line.end ? "{\"end\":true,\"seq\":" : "{\"seq\":";
  text += std::to_string(frame.seq) + ",\"run\":" + std::to_string(frame.run);
  if (!line.end) text += ",\"pts\":" + SecondsText(frame.pts);
  text += ",\"time\":\"" + UtcText(frame.time, UtcPrecision::kMicroseconds);
  text += '"';
  if (!line.end) {
    text += ",\"width\":" + std::to_string(frame.width) +
            ",\"height\":" + std::to_string(frame.height) +
            ",\"bytes\":" + std::to_string(frame.bytes) + ",\"digest\":\"" +
            frame.digest.ToHex() + '"';
    text += line.dropped ? ",\"dropped\":true" : ",\"key\":" + Quoted(line.key);
    text += ",\"attempts\":" + std::to_string(line.attempts);
  }
  line.chain = Sha256(before.ToHex() + "\n" + text);
  text += kChainBegins;
  text += line.chain.ToHex();
  text += kChainEnds;
  return text;
}

Result<ManifestLine> ParseLine(std::string_view text) {
  if (text.size() > kMaxLineBytes) {
    return Bad("it is longer than " + std::to_string(kMaxLineBytes) + " bytes");
  }
  // The chain covers what is before it, so nothing may be after it.
  if (text.size() < kChainBytes || !text.ends_with(kChainEnds) ||
      text.substr(text.size() - kChainBytes, kChainBegins.size()) !=
          kChainBegins) {
    return Bad("it does not end with its chain");
  }
  ManifestLine line;
  const auto chain = ParseDigest(
      text.substr(text.size() - kHexDigits - kChainEnds.size(), kHexDigits));
  if (!chain) return Bad("chain must be 64 hexadecimal digits");
  line.chain = *chain;
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return Bad("it is not an object of JSON");

  Members members(object);
  FrameRecord& frame = line.frame;
  line.end = members.Flag("end");
  frame.seq = members.Unsigned<std::uint64_t>("seq", kMaxSeq);
  frame.run = members.Unsigned<std::uint32_t>(
      "run", std::numeric_limits<std::uint32_t>::max());
  const auto time = ParseUtc(members.Text("time"));
  if (!time) {
    members.Refuse(time.error().message);
  } else {
    frame.time = *time;
  }
  if (!line.end) {
    constexpr auto kMaxInt = std::numeric_limits<std::int32_t>::max();
    // Exact below 285 years.
    frame.pts = std::chrono::microseconds(
        std::llround(members.Double("pts", 9e12) * 1e6));
    frame.width = members.Unsigned<std::int32_t>("width", kMaxInt);
    frame.height = members.Unsigned<std::int32_t>("height", kMaxInt);
    frame.bytes = members.Unsigned<std::uint64_t>(
        "bytes", std::numeric_limits<std::int64_t>::max());
    const auto digest = ParseDigest(members.Text("digest"));
    if (!digest) {
      members.Refuse("digest must be 64 hexadecimal digits");
    } else {
      frame.digest = *digest;
    }
    line.dropped = members.Flag("dropped");
    if (!line.dropped) ReadKey(members, line.key);
    line.attempts = members.Unsigned<std::int32_t>("attempts", kMaxInt);
  }
  if (!members.refused().empty()) return Bad(members.refused());
  return line;
}

Digest ChainOf(std::string_view text, const Digest& before) {
  text.remove_suffix(std::min(text.size(), kChainBytes));
  std::string chained = before.ToHex() + "\n";
  chained += text;
  return Sha256(chained);
}

}  // namespace ocelli
