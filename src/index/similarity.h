#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "core/result.h"
#include "index/collection.h"

namespace ocelli {

// The dot products of `count` vectors, one after the other, with each query:
// query_count x count, in fp32 with the widest registers of this processor.
// They differ in the last bits between processors, and with the number of
// queries.
void DotProducts(const float* vectors, std::size_t count, std::size_t dimension,
                 const float* queries, std::size_t query_count,
                 float* products);

// What is reported: computed in double, so that equal vectors are equally
// similar wherever they lie. Both of the same length; unit vectors for kCosine.
float Similarity(Metric metric, std::span<const float> a,
                 std::span<const float> b);

// Half the squared length, in fp32.
float HalfSquaredLength(std::span<const float> vector);

// Makes `vector` what a collection keeps or is asked: of unit length for
// kCosine. kInvalidArgument: of another dimension, not finite, of no direction,
// or for kL2 longer than 1e15.
Result<> PrepareVector(Metric metric, int dimension, std::span<float> vector);

}  // namespace ocelli
