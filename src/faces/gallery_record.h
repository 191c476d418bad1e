#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/result.h"
#include "faces/gallery_table.h"

namespace ocelli {

inline constexpr std::size_t kMaxFaceRecordBytes = 32 << 10;

// A face as bytes for a shared store: little-endian, with a mark and a version;
// the person by id, without the name. `row.id` and the picture are not in it.
// The descriptor comes last.
std::string FormatFaceRecord(const FaceRow& row);

// Believes nothing: kDataLoss says what is wrong. The descriptor comes back at
// unit length.
Result<FaceRow> ParseFaceRecord(std::string_view bytes);

}  // namespace ocelli
