#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"

namespace ocelli {

// A SHA-256. The digest of an image is that of its encoded bytes.
struct Digest {
  std::array<std::uint8_t, 32> bytes{};

  auto operator<=>(const Digest&) const = default;

  std::string ToHex() const;  // 64 lower-case digits.
  // kInvalidArgument unless `hex` is 64 hexadecimal digits.
  static Result<Digest> FromHex(std::string_view hex);
};

Digest Sha256(std::span<const std::byte> bytes);
Digest Sha256(std::string_view bytes);

// RFC 2104 with SHA-256.
Digest HmacSha256(std::span<const std::byte> key, std::string_view message);

// SHA-256 of bytes that come in pieces. Not thread-safe.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  Sha256Stream& operator=(Sha256Stream&&) noexcept;

  void Update(std::span<const std::byte> bytes);
  // Ends the stream; call once.
  Digest Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ocelli

template <>
struct std::hash<ocelli::Digest> {
  std::size_t operator()(const ocelli::Digest& digest) const noexcept;
};
