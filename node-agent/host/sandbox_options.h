/* SandboxSpec of src/host.ts, turned into the memfd that init reads. */
#ifndef COHORT_SANDBOX_OPTIONS_H
#define COHORT_SANDBOX_OPTIONS_H

#include "host.h"
#include "sandbox.h"

/* A memfd that the caller owns, and the limits that it holds; -1 with an exception pending. */
int sandbox_options_read(JSContext *ctx, JSValueConst options, bool counted,
                         struct sandbox_limits *limits);

#endif
