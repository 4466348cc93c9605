/* One TLS client connection over a descriptor that someone else owns. */
#ifndef COHORT_TLS_H
#define COHORT_TLS_H

#include <mbedtls/x509_crt.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tls;

enum tls_progress { TLS_DONE, TLS_WANT_READ, TLS_WANT_WRITE, TLS_FAILED };

/* `descriptor` is non-blocking and borrowed; `host` is a name or an IP literal, copied. NULL: no memory. */
struct tls *tls_new(int descriptor, const char *host);
/* Says goodbye as far as the socket takes it, and frees. */
void tls_free(struct tls *tls);
/* On TLS_FAILED, `reason` holds why. Peer certificates are not judged here: see tls_trust.h. */
enum tls_progress tls_handshake(struct tls *tls, char *reason, size_t reason_size);
/* Borrowed; lives as long as `tls`. NULL before the handshake. */
const mbedtls_x509_crt *tls_peer_chain(const struct tls *tls);
/* As recv and send, with the errno negated. After -EAGAIN a write is repeated with the same bytes. */
ssize_t tls_read(struct tls *tls, uint8_t *data, size_t length);
ssize_t tls_write(struct tls *tls, const uint8_t *data, size_t length);

#endif
