/* Whole files in one call, as the agent's `files` and a script step's `readFile` use them. */
#ifndef COHORT_SMALL_FILE_H
#define COHORT_SMALL_FILE_H

#include "host.h"

/* A Uint8Array, null when the file is absent, or a thrown HostError. */
JSValue small_file_read(JSContext *ctx, const char *path);
/* 0 or an errno. `flags` beside O_WRONLY | O_CREAT; the mode holds from the first byte on. */
int small_file_write(const char *path, int flags, const struct bytes *bytes, mode_t mode, bool synced);
/* The names in a folder, sorted; [] when it is absent, or a thrown HostError. */
JSValue folder_list(JSContext *ctx, const char *path);

#endif
