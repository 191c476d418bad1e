#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "core/digest.h"
#include "core/result.h"

namespace ocelli {

// Fills the bytes so that nobody can guess them. Thread-safe.
using RandomBytes = std::function<void(std::span<std::byte>)>;
RandomBytes SystemRandom();  // The operating system's, through libsodium.

// In a time that does not depend on where they differ.
bool EqualInConstantTime(const Digest& a, const Digest& b);

enum class SecretKind { kKey, kSession };

// 256 random bits that somebody keeps as a text: "ocelli_" (a session:
// "ocelli_session_") and 64 characters of a to z and 2 to 7, which hold an id,
// the secret and 24 bits of checksum, so that a mistyped one is told from a
// wrong one and a scanner of files knows one when it sees it.
struct SecretReference {
  std::string id;  // 8 characters, the first of the 64; no secret.
  // SHA-256, which is what we keep. A slow hash would protect nothing: 256
  // random bits can't be guessed at any speed, and each request pays.
  Digest hash;
};
struct Secret {
  SecretReference reference;
  std::string text;
};
Secret MakeSecret(SecretKind kind, const RandomBytes& random);

// kUnauthenticated where it can't be one, without repeating any of it.
Result<SecretReference> ReadSecret(SecretKind kind, std::string_view text);

}  // namespace ocelli
