#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace ocelli {

// What imports from TensorFlow need, whose pictures are NHWC.

// NHWC axis of each NCHW axis, and the reverse.
inline constexpr std::array<std::size_t, 4> kToNchw = {0, 3, 1, 2};
inline constexpr std::array<std::size_t, 4> kToNhwc = {0, 2, 3, 1};

// Axis i of the result is axis order[i] of what is given, which has four.
std::vector<std::int64_t> Permute(const std::vector<std::int64_t>& shape,
                                  const std::array<std::size_t, 4>& order);
std::vector<float> Permute(std::span<const float> values,
                           const std::vector<std::int64_t>& shape,
                           const std::array<std::size_t, 4>& order);

// How a kernel moves along one axis.
struct Window {
  std::int64_t size;
  std::int64_t stride;
  std::int64_t dilation = 1;

  static constexpr std::int64_t kMax = 1 << 15;

  bool IsSound() const;
  // What TensorFlow's SAME adds; the odd pixel goes to the end.
  std::int64_t SamePadding(std::int64_t input) const;
};

}  // namespace ocelli
