#include <algorithm>
#include <cmath>

#include "archive/archiver.h"

namespace ocelli {

std::chrono::milliseconds BackoffBefore(int attempt,
                                        std::chrono::milliseconds first,
                                        std::chrono::milliseconds last,
                                        double chance) {
  // 2^40 of anything is more than `last`.
  const int doublings = std::clamp(attempt - 1, 0, 40);
  const double ceiling =
      std::min(std::ldexp(static_cast<double>(first.count()), doublings),
               static_cast<double>(last.count()));
  return std::chrono::milliseconds(
      static_cast<std::chrono::milliseconds::rep>(ceiling * chance));
}

}  // namespace ocelli
