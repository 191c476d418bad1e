#pragma once

#include "core/digest.h"

namespace ocelli {

// An image and everything that produced the result: never stale, because a
// changed model asks under another key.
struct ResultKey {
  Digest image;
  Digest fingerprint;
  bool operator==(const ResultKey&) const = default;
};

}  // namespace ocelli
