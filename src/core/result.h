#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace ocelli {

// One kind per gRPC status that we return, so that api/ maps without guessing.
enum class ErrorCode {
  kCancelled,
  kInvalidArgument,
  kDeadlineExceeded,
  kNotFound,
  kAlreadyExists,
  kUnauthenticated,   // Has not said who asks, or so that we believe it.
  kPermissionDenied,  // Who asks may not.
  kResourceExhausted,  // Disk full, over a limit of ours.
  kFailedPrecondition,
  kUnimplemented,
  kUnavailable,  // Trying again may help: locked, unreachable.
  kDataLoss,     // What was stored is damaged.
  kInternal,
};

struct Error {
  ErrorCode code;
  std::string message;  // What failed, with the value that made it fail.
};

// A T or an Error. Dropping one unread is a compile error.
template <typename T = void>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;

  // The error, ready to return. `doing` says what the caller was at:
  // "loading gallery: no such file: /var/lib/ocelli/faces.index".
  auto Failure(std::string_view doing = {}) const {
    Error error = this->error();
    if (!doing.empty()) error.message.insert(0, std::string(doing) + ": ");
    return tl::unexpected<Error>(std::move(error));
  }
};

inline auto Fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>({code, std::move(message)});
}

}  // namespace ocelli
