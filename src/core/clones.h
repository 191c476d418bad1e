#pragma once

// Before a function with loops over pixels: it is compiled for several
// generations of processors, one of which is chosen at start. The sanitizers
// are not ready yet when that happens.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define OCELLI_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define OCELLI_CLONES
#endif
