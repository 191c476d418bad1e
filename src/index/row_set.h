#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ocelli {

// A bit for each row of a snapshot; rows beyond its end count as members.
class RowSet {
 public:
  static RowSet All(std::size_t rows) { return RowSet(rows, 0xff); }
  static RowSet None(std::size_t rows) { return RowSet(rows, 0); }

  void Add(std::size_t row) { bits_[row / 8] |= Bit(row); }
  void Remove(std::size_t row) {
    bits_[row / 8] &= static_cast<std::uint8_t>(~Bit(row));
  }
  void Extend(std::size_t rows) {
    bits_.resize(std::max(bits_.size(), (rows + 7) / 8), 0xff);
  }
  bool Contains(std::size_t row) const {
    return row / 8 >= bits_.size() || (bits_[row / 8] & Bit(row)) != 0;
  }
  // Row i is bit i % 8 of byte i / 8.
  std::span<const std::uint8_t> bytes() const { return bits_; }

 private:
  RowSet(std::size_t rows, std::uint8_t value) : bits_((rows + 7) / 8, value) {}
  static std::uint8_t Bit(std::size_t row) {
    return static_cast<std::uint8_t>(1u << row % 8);
  }

  std::vector<std::uint8_t> bits_;
};

}  // namespace ocelli
