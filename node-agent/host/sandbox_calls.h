/* The filter's two lists, for the architecture that this is compiled for. */
#ifndef COHORT_SANDBOX_CALLS_H
#define COHORT_SANDBOX_CALLS_H

#include <stddef.h>

extern const int calls_allowed[];
extern const size_t calls_allowed_count;
/* Known and refused with EPERM. */
extern const int calls_refused[];
extern const size_t calls_refused_count;

#endif
