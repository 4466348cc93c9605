/* Socket of src/host.ts, over a connected stream socket with or without TLS. */
#ifndef COHORT_SOCKET_H
#define COHORT_SOCKET_H

#include "host.h"
#include "tls.h"

void socket_register(JSContext *ctx);
/*
 * Takes over `descriptor` and `tls` (NULL for none), also when it fails. `peer_root` is borrowed.
 * The descriptor must not be watched by the loop any more.
 */
JSValue socket_new(JSContext *ctx, int descriptor, struct tls *tls, const char *peer_root);

#endif
