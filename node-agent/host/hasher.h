/* SHA-256 of what comes in pieces, as src/host.ts has it. */
#ifndef COHORT_HASHER_H
#define COHORT_HASHER_H

#include "host.h"

void hasher_register(JSContext *ctx);
/* `crypto.hasher()`. */
JSValue hasher_new(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);

#endif
