#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ocelli {

// What Redis answered (RESP2). An error is no reply but an Error, save inside
// an array (of EXEC, or a script).
struct RedisReply {
  enum class Kind { kNil, kInteger, kText, kArray, kError };

  Kind kind = Kind::kNil;
  std::int64_t integer = 0;
  std::string text;  // Bulk and simple strings; bytes as they were kept.
  std::vector<RedisReply> elements;

  bool nil() const { return kind == Kind::kNil; }
  bool is_text() const { return kind == Kind::kText; }
  bool is_array() const { return kind == Kind::kArray; }
};

}  // namespace ocelli
