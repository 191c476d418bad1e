// Compiles unless one of the two is defined.
#include "core/result.h"

namespace ocelli {

Result<int> Count();
Result<> Save();

void Caller() {
  if (!Count() || !Save()) return;
#ifdef OCELLI_DROP_VALUE
  Count();
#endif
#ifdef OCELLI_DROP_VOID
  Save();
#endif
}

}  // namespace ocelli
