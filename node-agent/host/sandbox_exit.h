/* SandboxExit of src/host.ts. */
#ifndef COHORT_SANDBOX_EXIT_H
#define COHORT_SANDBOX_EXIT_H

#include "host.h"
#include "sandbox_spawn.h"

/* Waits for init, which has ended, and removes the cgroup. */
struct report sandbox_bury(struct spawned *spawned);
JSValue sandbox_exit_new(JSContext *ctx, const struct report *report, double wall_ms);

#endif
