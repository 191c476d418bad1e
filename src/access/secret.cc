#include "access/secret.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "core/check.h"

namespace ocelli {
namespace {

constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::size_t kIdBytes = 5;
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kChecksumBytes = 3;
constexpr std::size_t kBytes = kIdBytes + kSecretBytes + kChecksumBytes;
constexpr std::size_t kCharacters = kBytes * 8 / 5;
constexpr std::size_t kIdCharacters = kIdBytes * 8 / 5;
using Bytes = std::array<std::uint8_t, kBytes>;

std::string_view PrefixOf(SecretKind kind) {
  return kind == SecretKind::kKey ? "ocelli_" : "ocelli_session_";
}

std::string ToBase32(const Bytes& bytes) {
  std::string text;
  unsigned bits = 0;
  int count = 0;
  for (const std::uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    for (count += 8; count >= 5; count -= 5) {
      text += kAlphabet[bits >> (count - 5) & 31];
    }
    bits &= 31;
  }
  return text;
}

// A loop over the alphabet for each character: a table would be indexed by
// what is secret.
std::optional<Bytes> FromBase32(std::string_view text) {
  Bytes bytes{};
  std::size_t at = 0;
  unsigned bits = 0;
  int count = 0;
  bool known = true;
  for (const char c : text) {
    unsigned value = 32;
    for (unsigned i = 0; i < 32; ++i) {
      value = c == kAlphabet[i] ? i : value;
    }
    known = known && value < 32;
    bits = (bits << 5 | (value & 31)) & 0xfff;
    count += 5;
    if (count >= 8) {
      count -= 8;
      bytes[at++] = static_cast<std::uint8_t>(bits >> count);
    }
  }
  return known ? std::optional(bytes) : std::nullopt;
}

std::string_view View(const Bytes& bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes.data()), size};
}

Digest HashOf(SecretKind kind, const Bytes& bytes) {
  return Sha256(std::string(PrefixOf(kind)) +
                std::string(View(bytes, kIdBytes + kSecretBytes)));
}

// Of another hash, so that it says nothing about the one that is kept.
Digest ChecksumOf(SecretKind kind, const Bytes& bytes) {
  return Sha256("checksum " + std::string(PrefixOf(kind)) +
                std::string(View(bytes, kIdBytes + kSecretBytes)));
}

void Initialize() {
  static const bool done = sodium_init() >= 0;
  OCELLI_CHECK(done);
}

}  // namespace

RandomBytes SystemRandom() {
  Initialize();
  return [](std::span<std::byte> bytes) {
    randombytes_buf(bytes.data(), bytes.size());
  };
}

bool EqualInConstantTime(const Digest& a, const Digest& b) {
  return sodium_memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0;
}

Secret MakeSecret(SecretKind kind, const RandomBytes& random) {
  Bytes bytes{};
  random(
      std::as_writable_bytes(std::span(bytes)).first(kIdBytes + kSecretBytes));
  const Digest checksum = ChecksumOf(kind, bytes);
  std::copy_n(checksum.bytes.begin(), kChecksumBytes,
              bytes.end() - kChecksumBytes);
  const std::string body = ToBase32(bytes);
  Secret secret{{body.substr(0, kIdCharacters), HashOf(kind, bytes)},
                std::string(PrefixOf(kind)) + body};
  sodium_memzero(bytes.data(), bytes.size());
  return secret;
}

Result<SecretReference> ReadSecret(SecretKind kind, std::string_view text) {
  const std::string what =
      kind == SecretKind::kKey ? "API key" : "session token";
  const std::string_view prefix = PrefixOf(kind);
  if (text.size() != prefix.size() + kCharacters || !text.starts_with(prefix)) {
    return Fail(ErrorCode::kUnauthenticated,
                "not an " + std::string("ocelli ") + what);
  }
  const std::string_view body = text.substr(prefix.size());
  const auto bytes = FromBase32(body);
  if (bytes) {
    const Digest checksum = ChecksumOf(kind, *bytes);
    if (std::equal(bytes->end() - kChecksumBytes, bytes->end(),
                   checksum.bytes.begin())) {
      return SecretReference{std::string(body.substr(0, kIdCharacters)),
                             HashOf(kind, *bytes)};
    }
  }
  return Fail(ErrorCode::kUnauthenticated,
              "a mistyped or cut " + what + ": its checksum is wrong");
}

}  // namespace ocelli
