#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace ocelli {

// Walks the fields of one message in protobuf's wire format, without making
// objects: a mesh has some 1,400 of them. Believes nothing; what is malformed,
// or a group, ends the walk and ok() is false.
// Source: https://protobuf.dev/programming-guides/encoding/
class WireReader {
 public:
  enum Type : std::uint32_t {
    kVarint = 0,
    kFixed64 = 1,
    kBytes = 2,
    kFixed32 = 5
  };

  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  // To the next field. False at the end.
  bool Next() {
    std::uint64_t tag = 0;
    if (rest_.empty() || !ReadVarint(tag)) return false;
    field_ = static_cast<std::uint32_t>(tag >> 3);
    type_ = static_cast<std::uint32_t>(tag & 7);
    if (tag > UINT32_MAX || field_ == 0) return Damaged();
    switch (type_) {
      case kVarint:
        return ReadVarint(number_);
      case kBytes:
        return ReadVarint(number_) && Take(number_);
      case kFixed32:
        return Take(4);
      case kFixed64:
        return Take(8);
      default:
        return Damaged();
    }
  }

  bool ok() const { return ok_; }
  // Of the present field.
  std::uint32_t field() const { return field_; }
  bool Is(std::uint32_t field, Type type) const {
    return field_ == field && type_ == type;
  }
  std::uint64_t number() const { return number_; }   // kVarint.
  std::string_view bytes() const { return taken_; }  // kBytes.
  float real() const {                               // kFixed32.
    float value = 0;
    std::memcpy(&value, taken_.data(), sizeof(value));
    return value;
  }

 private:
  bool Damaged() {
    ok_ = false;
    rest_ = {};
    return false;
  }
  bool Take(std::uint64_t size) {
    if (size > rest_.size()) return Damaged();
    taken_ = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(static_cast<std::size_t>(size));
    return true;
  }
  bool ReadVarint(std::uint64_t& value) {
    value = 0;
    for (std::size_t i = 0; i < rest_.size() && i < 10; ++i) {
      const auto byte = static_cast<unsigned char>(rest_[i]);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        rest_.remove_prefix(i + 1);
        return true;
      }
    }
    return Damaged();
  }

  std::string_view rest_;
  std::string_view taken_;
  std::uint64_t number_ = 0;
  std::uint32_t field_ = 0;
  std::uint32_t type_ = 0;
  bool ok_ = true;
};

}  // namespace ocelli
