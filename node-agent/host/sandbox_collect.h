/* Reading what a step left behind, as if it had been left by an enemy. */
#ifndef COHORT_SANDBOX_COLLECT_H
#define COHORT_SANDBOX_COLLECT_H

#include "host.h"

/* `work` is an O_PATH descriptor of the step's /work, borrowed. The result is as in src/host.ts. */
JSValue sandbox_collect(JSContext *ctx, int work, const char *name, size_t bytes_max);

#endif
