#include "access/password.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <semaphore>

#include "core/check.h"
#include "faces/gallery_name.h"

namespace ocelli {
namespace {

constexpr std::size_t kFewestCharacters = 10;
static_assert(PasswordLimits{}.operations ==
              crypto_pwhash_OPSLIMIT_INTERACTIVE);
static_assert(PasswordLimits{}.memory_bytes ==
              crypto_pwhash_MEMLIMIT_INTERACTIVE);

class Argon2idHasher final : public PasswordHasher {
 public:
  explicit Argon2idHasher(const PasswordHasherOptions& options)
      : options_(options), turns_(options.parallel) {
    OCELLI_CHECK(sodium_init() >= 0);
  }

  Result<std::string> Hash(std::string_view password) override {
    std::array<char, crypto_pwhash_STRBYTES> text{};
    auto done = InTurn([&]() -> Result<> {
      if (crypto_pwhash_str_alg(text.data(), password.data(), password.size(),
                                options_.limits.operations,
                                options_.limits.memory_bytes,
                                crypto_pwhash_ALG_ARGON2ID13) != 0) {
        return OutOfMemory();
      }
      return {};
    });
    if (!done) return done.Failure();
    return std::string(text.data());
  }

  Result<bool> Verify(const std::string& hash,
                      std::string_view password) override {
    bool right = false;
    const auto damaged = [] {
      return Fail(ErrorCode::kDataLoss,
                  "the stored hash of a password is damaged");
    };
    // Of any other, libsodium says only that the password is wrong.
    if (!hash.starts_with(crypto_pwhash_argon2id_STRPREFIX)) return damaged();
    auto done = InTurn([&]() -> Result<> {
      errno = 0;
      right = crypto_pwhash_str_verify(hash.c_str(), password.data(),
                                       password.size()) == 0;
      // EINVAL is how libsodium says that the password is another one.
      if (right || errno == EINVAL) return {};
      if (errno == ENOMEM) return OutOfMemory();
      return damaged();
    });
    if (!done) return done.Failure();
    return right;
  }

  bool Outdated(const std::string& hash) const override {
    return crypto_pwhash_str_needs_rehash(hash.c_str(),
                                          options_.limits.operations,
                                          options_.limits.memory_bytes) != 0;
  }

 private:
  Result<> OutOfMemory() const {
    return Fail(ErrorCode::kResourceExhausted,
                "hashing a password: no " +
                    std::to_string(options_.limits.memory_bytes >> 10) +
                    " KiB of memory");
  }

  template <typename Work>
  Result<> InTurn(Work work) {
    if (!turns_.try_acquire_for(options_.patience)) {
      return Fail(ErrorCode::kResourceExhausted,
                  "too many log-ins at once; try again");
    }
    auto done = work();
    turns_.release();
    return done;
  }

  const PasswordHasherOptions options_;
  std::counting_semaphore<> turns_;
};

}  // namespace

std::unique_ptr<PasswordHasher> MakePasswordHasher(
    const PasswordHasherOptions& options) {
  return std::make_unique<Argon2idHasher>(options);
}

Result<> CheckPassword(std::string_view password, std::string_view user) {
  if (password.size() > kMostPasswordBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                "a password of " + std::to_string(password.size()) +
                    " bytes; the longest has " +
                    std::to_string(kMostPasswordBytes));
  }
  const auto characters =
      std::count_if(password.begin(), password.end(),
                    [](char c) { return (c & 0xc0) != 0x80; });
  if (static_cast<std::size_t>(characters) < kFewestCharacters) {
    return Fail(ErrorCode::kInvalidArgument,
                "a password needs at least " +
                    std::to_string(kFewestCharacters) + " characters");
  }
  if (FoldCase(password) == FoldCase(user)) {
    return Fail(ErrorCode::kInvalidArgument,
                "a password must not be the name of its user");
  }
  return {};
}

}  // namespace ocelli
