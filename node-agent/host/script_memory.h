/* What a script step's JavaScript may allocate. */
#ifndef COHORT_SCRIPT_MEMORY_H
#define COHORT_SCRIPT_MEMORY_H

#include <quickjs.h>
#include <stdbool.h>

extern const JSMallocFunctions script_memory;
/* Whether the limit was ever reached. */
bool script_memory_exhausted(void);

#endif
