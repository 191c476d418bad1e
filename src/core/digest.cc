#include "core/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstring>

#include "core/check.h"

namespace ocelli {

struct Sha256Stream::State {
  State() : context(EVP_MD_CTX_new()) {
    OCELLI_CHECK(context && EVP_DigestInit_ex(context, EVP_sha256(), nullptr));
  }
  ~State() { EVP_MD_CTX_free(context); }
  EVP_MD_CTX* context;
};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {}
Sha256Stream::~Sha256Stream() = default;
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;
Sha256Stream& Sha256Stream::operator=(Sha256Stream&&) noexcept = default;

void Sha256Stream::Update(std::span<const std::byte> bytes) {
  OCELLI_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()));
}

Digest Sha256Stream::Finish() {
  Digest digest;
  OCELLI_CHECK(
      EVP_DigestFinal_ex(state_->context, digest.bytes.data(), nullptr));
  return digest;
}

Digest Sha256(std::span<const std::byte> bytes) {
  Sha256Stream stream;
  stream.Update(bytes);
  return stream.Finish();
}

Digest Sha256(std::string_view bytes) {
  return Sha256(std::as_bytes(std::span(bytes)));
}

std::string Digest::ToHex() const {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

Digest HmacSha256(std::span<const std::byte> key, std::string_view message) {
  Digest digest;
  // A null key would be the one of the call before.
  static constexpr unsigned char kNone = 0;
  const void* bytes = key.empty() ? static_cast<const void*>(&kNone)
                                  : static_cast<const void*>(key.data());
  OCELLI_CHECK(HMAC(EVP_sha256(), bytes, static_cast<int>(key.size()),
                    reinterpret_cast<const unsigned char*>(message.data()),
                    message.size(), digest.bytes.data(), nullptr));
  return digest;
}

Result<Digest> Digest::FromHex(std::string_view hex) {
  const auto value = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  Digest digest;
  bool valid = hex.size() == 2 * digest.bytes.size();
  for (std::size_t i = 0; valid && i < digest.bytes.size(); ++i) {
    const int high = value(hex[2 * i]), low = value(hex[2 * i + 1]);
    valid = high >= 0 && low >= 0;
    digest.bytes[i] = static_cast<std::uint8_t>((high << 4 | low) & 255);
  }
  if (!valid) {
    return Fail(ErrorCode::kInvalidArgument,
                "not a SHA-256 in hexadecimal: " + std::string(hex));
  }
  return digest;
}

}  // namespace ocelli

std::size_t std::hash<ocelli::Digest>::operator()(
    const ocelli::Digest& digest) const noexcept {
  // Uniform already: any eight bytes will do.
  std::size_t value = 0;
  std::memcpy(&value, digest.bytes.data(), sizeof(value));
  return value;
}
