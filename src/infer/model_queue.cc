#include "infer/model_queue.h"

#include <thread>

namespace ocelli {

FairSlots& ModelSlots() {
  // Never destroyed: threads may run models until the process ends.
  static FairSlots& slots =
      *new FairSlots(static_cast<int>(std::thread::hardware_concurrency()));
  return slots;
}

}  // namespace ocelli
