/* AppendFile of src/host.ts. */
#ifndef COHORT_APPEND_FILE_H
#define COHORT_APPEND_FILE_H

#include "host.h"

void append_file_register(JSContext *ctx);
/* Takes over the descriptor, also when it fails. */
JSValue append_file_new(JSContext *ctx, int descriptor);

#endif
