/* Reading what a step left behind, as if it had been left by an enemy. */
#ifndef COHORT_SANDBOX_COLLECT_H
#define COHORT_SANDBOX_COLLECT_H

#include "host.h"

#include <sys/types.h>

/* `work` is an O_PATH descriptor of the step's /work, borrowed. The result is as in src/host.ts. */
JSValue sandbox_collect(JSContext *ctx, int work, const char *name, size_t bytes_max);
JSValue sandbox_measure(JSContext *ctx, int work, const char *name);
JSValue sandbox_collect_part(JSContext *ctx, int work, const char *name, off_t offset, size_t length);

#endif
