#include "jobs/job_queue.h"

namespace ocelli {

bool MayGoBetterLater(ErrorCode code) {
  return code == ErrorCode::kUnavailable ||
         code == ErrorCode::kDeadlineExceeded ||
         code == ErrorCode::kResourceExhausted;
}

}  // namespace ocelli
