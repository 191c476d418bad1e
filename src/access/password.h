#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"

namespace ocelli {

// What one hash costs. The defaults are libsodium's for log-ins.
struct PasswordLimits {
  unsigned long long operations = 2;
  std::size_t memory_bytes = 64 << 20;
};

struct PasswordHasherOptions {
  PasswordLimits limits;
  // Hashes at a time, since each takes that memory and a processor.
  int parallel = 2;
  // Who waits longer for a turn gets kResourceExhausted.
  std::chrono::milliseconds patience{5000};
};

// Thread-safe.
class PasswordHasher {
 public:
  virtual ~PasswordHasher() = default;

  // A text with algorithm, limits, salt and hash. Costs what Verify() costs.
  virtual Result<std::string> Hash(std::string_view password) = 0;
  // kDataLoss: `hash` is none.
  virtual Result<bool> Verify(const std::string& hash,
                              std::string_view password) = 0;
  // Whether Hash() would use other limits today.
  virtual bool Outdated(const std::string& hash) const = 0;
};

// Argon2id (RFC 9106) as libsodium does it, which also makes the salts.
std::unique_ptr<PasswordHasher> MakePasswordHasher(
    const PasswordHasherOptions& options = {});

inline constexpr std::size_t kMostPasswordBytes = 1024;
// kInvalidArgument unless it has 10 characters (UTF-8) to 1024 bytes and is
// not the name of its user.
Result<> CheckPassword(std::string_view password, std::string_view user);

}  // namespace ocelli
