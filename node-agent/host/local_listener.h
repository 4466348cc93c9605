/* LocalListener of src/host.ts: a Unix socket that programs of this machine ask the agent through. */
#ifndef COHORT_LOCAL_LISTENER_H
#define COHORT_LOCAL_LISTENER_H

#include "host.h"

void local_listener_register(JSContext *ctx);
/* Takes over the descriptor of a listening socket, also when it fails. */
JSValue local_listener_new(JSContext *ctx, int descriptor);

#endif
