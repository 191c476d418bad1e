#pragma once

#include "core/fair_slots.h"

namespace ocelli {

// Where every Session::Run() of this process waits for its turn: as many at a
// time as there are processors, whether for requests or the frames of cameras.
FairSlots& ModelSlots();

}  // namespace ocelli
