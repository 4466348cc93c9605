/* SandboxProcess of src/host.ts. */
#ifndef COHORT_SANDBOX_PROCESS_H
#define COHORT_SANDBOX_PROCESS_H

#include "host.h"
#include "sandbox_spawn.h"

void sandbox_process_register(JSContext *ctx);
/* Takes over what `spawned` holds, also when it fails. */
JSValue sandbox_process_new(JSContext *ctx, const struct spawned *spawned);

#endif
