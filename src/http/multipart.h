#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace ocelli {

// One part of a multipart/form-data body. Refers to the body.
struct FormPart {
  std::string name;
  std::string file_name;     // Without a path. Empty: it is a plain field.
  std::string content_type;  // Empty: not said.
  std::string_view content;
};

struct MultipartLimits {
  std::size_t max_parts = 64;
  std::size_t max_head_bytes = 8 << 10;  // Of a part.
};

// RFC 7578. `content_type` is the request's, with its boundary. Believes
// nothing. kInvalidArgument says what is wrong; kResourceExhausted: over a
// limit.
Result<std::vector<FormPart>> ParseMultipart(
    std::string_view content_type, std::string_view body,
    const MultipartLimits& limits = {});

}  // namespace ocelli
