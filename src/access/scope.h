#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace ocelli {

// What a key or a user may do at most.
enum class Scope : std::uint8_t {
  kRead = 1,   // Recognise, search, look at people, archives and live pictures.
  kWrite = 2,  // Change people and collections; start and stop sessions.
  kAdmin = 4,  // Keys, users and the audit log; and all of the above.
};

// Any of them. Write alone is for what only delivers: a camera, an importer.
class Scopes {
 public:
  constexpr Scopes() = default;
  constexpr Scopes(Scope scope) : bits_(static_cast<std::uint8_t>(scope)) {}

  // What a file says; unknown bits are dropped.
  static constexpr Scopes FromBits(std::int64_t bits) {
    Scopes scopes;
    scopes.bits_ = static_cast<std::uint8_t>(bits & 7);
    return scopes;
  }
  // "read,write". kInvalidArgument for an unknown one, and for none.
  static Result<Scopes> Parse(std::string_view text);

  constexpr Scopes operator|(Scopes other) const {
    return FromBits(bits_ | other.bits_);
  }
  bool operator==(const Scopes&) const = default;

  constexpr std::uint8_t bits() const { return bits_; }
  constexpr bool empty() const { return bits_ == 0; }
  // Admin includes the others.
  constexpr bool Include(Scopes other) const {
    const int mine = bits_ & 4 ? 7 : bits_;
    return (mine & other.bits_) == other.bits_;
  }
  std::string ToText() const;  // "read,write", in this order.

 private:
  std::uint8_t bits_ = 0;
};

constexpr Scopes operator|(Scope a, Scope b) { return Scopes(a) | b; }

}  // namespace ocelli
