#include "index/similarity.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace ocelli {
namespace {

constexpr double kMaxLength = 1e15;  // Its square and sums of it are finite.
// What rounding to fp32 leaves: a vector that comes back is kept as it is.
constexpr double kUnitTolerance = 1e-7;

// One register of AVX-512, two of AVX, four of SSE or NEON.
using Floats = float __attribute__((vector_size(64)));
constexpr std::size_t kLanes = sizeof(Floats) / sizeof(float);

[[gnu::always_inline]] inline float SumOf(const Floats& values) {
  float parts[4] = {};
#pragma GCC unroll 16
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    parts[lane % 4] += values[lane];
  }
  return (parts[0] + parts[1]) + (parts[2] + parts[3]);
}

// `Queries` sums grow side by side, so that one need not wait for the other; a
// single one is as fast as memory can be read.
template <std::size_t Queries>
[[gnu::always_inline]] inline void Multiply(const float* vectors,
                                            std::size_t count,
                                            std::size_t dimension,
                                            const float* queries,
                                            float* products) {
  for (std::size_t row = 0; row < count; ++row, vectors += dimension) {
    Floats sums[Queries] = {};
    std::size_t i = 0;
    for (; i + kLanes <= dimension; i += kLanes) {
      Floats values, others;
      std::memcpy(&values, vectors + i, sizeof(values));
#pragma GCC unroll 4
      for (std::size_t q = 0; q < Queries; ++q) {
        std::memcpy(&others, queries + q * dimension + i, sizeof(others));
        sums[q] += values * others;
      }
    }
#pragma GCC unroll 4
    for (std::size_t q = 0; q < Queries; ++q) {
      float sum = SumOf(sums[q]);
      for (std::size_t j = i; j < dimension; ++j) {
        sum += vectors[j] * queries[q * dimension + j];
      }
      products[q * count + row] = sum;
    }
  }
}

[[gnu::always_inline]] inline void MultiplyAll(
    const float* vectors, std::size_t count, std::size_t dimension,
    const float* queries, std::size_t query_count, float* products) {
  for (; query_count >= 4; query_count -= 4) {
    Multiply<4>(vectors, count, dimension, queries, products);
    queries += 4 * dimension;
    products += 4 * count;
  }
  for (; query_count > 0; --query_count) {
    Multiply<1>(vectors, count, dimension, queries, products);
    queries += dimension;
    products += count;
  }
}

using Kernel = void (*)(const float*, std::size_t, std::size_t, const float*,
                        std::size_t, float*);

void Portable(const float* vectors, std::size_t count, std::size_t dimension,
              const float* queries, std::size_t query_count, float* products) {
  MultiplyAll(vectors, count, dimension, queries, query_count, products);
}

#if defined(__x86_64__)
[[gnu::target("avx2,fma")]] void Avx2(const float* vectors, std::size_t count,
                                      std::size_t dimension,
                                      const float* queries,
                                      std::size_t query_count,
                                      float* products) {
  MultiplyAll(vectors, count, dimension, queries, query_count, products);
}

[[gnu::target("avx512f")]] void Avx512(const float* vectors, std::size_t count,
                                       std::size_t dimension,
                                       const float* queries,
                                       std::size_t query_count,
                                       float* products) {
  MultiplyAll(vectors, count, dimension, queries, query_count, products);
}
#endif

Kernel ChooseKernel() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return Avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return Avx2;
  }
#endif
  return Portable;
}

double SquaredLength(std::span<const float> vector) {
  double sum = 0;
  for (const double value : vector) sum += value * value;
  return sum;
}

}  // namespace

void DotProducts(const float* vectors, std::size_t count, std::size_t dimension,
                 const float* queries, std::size_t query_count,
                 float* products) {
  static const Kernel kKernel = ChooseKernel();
  kKernel(vectors, count, dimension, queries, query_count, products);
}

float Similarity(Metric metric, std::span<const float> a,
                 std::span<const float> b) {
  double sum = 0;
  if (metric == Metric::kCosine) {
    for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
    return static_cast<float>(std::clamp(sum, -1.0, 1.0));
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = double{a[i]} - b[i];
    sum += difference * difference;
  }
  return static_cast<float>(1 / (1 + std::sqrt(sum)));
}

float HalfSquaredLength(std::span<const float> vector) {
  return static_cast<float>(SquaredLength(vector) / 2);
}

Result<> PrepareVector(Metric metric, int dimension, std::span<float> vector) {
  if (vector.size() != static_cast<std::size_t>(dimension)) {
    return Fail(ErrorCode::kInvalidArgument,
                "a vector of dimension " + std::to_string(vector.size()) +
                    " for a collection of dimension " +
                    std::to_string(dimension));
  }
  const double length = std::sqrt(SquaredLength(vector));
  if (!std::isfinite(length)) {
    return Fail(ErrorCode::kInvalidArgument,
                "a vector with a value that is not finite");
  }
  if (metric == Metric::kL2) {
    if (length <= kMaxLength) return {};
    return Fail(ErrorCode::kInvalidArgument, "a vector longer than 1e15");
  }
  if (length == 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "a zero vector, which is similar to nothing");
  }
  if (std::abs(length - 1) <= kUnitTolerance) return {};
  for (float& value : vector) value = static_cast<float>(value / length);
  return {};
}

}  // namespace ocelli
