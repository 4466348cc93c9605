/* What a server on the way could send before anything is known of it. */

#include "fuzz.h"
#include "fuzz_root.h"
#include "tls.h"
#include "tls_trust.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The first byte says how the root is known; then come certificates in DER, each after its length. */
void fuzz_certificates(const uint8_t *data, size_t size) {
  if (size == 0) return;
  uint8_t by_fingerprint = data[0] & 1;
  mbedtls_x509_crt chain;
  mbedtls_x509_crt_init(&chain);
  uint8_t fingerprint[TRUST_FINGERPRINT_BYTES] = {0};
  int parsed = 0;
  for (size_t at = 1; at + 2 <= size;) {
    size_t length = (size_t)data[at] << 8 | data[at + 1];
    at += 2;
    if (length > size - at) length = size - at;
    if (mbedtls_x509_crt_parse_der(&chain, data + at, length) == 0) parsed++;
    /* Whatever comes last is the root that was promised. */
    crypto_hash_sha256(fingerprint, data + at, length);
    at += length;
  }
  struct trust trust = {.ca = by_fingerprint ? NULL : (char *)fuzz_root,
                        .fingerprint = by_fingerprint ? fingerprint : NULL};
  char reason[300] = "", *root = NULL;
  bool trusted = trust_check(&trust, parsed == 0 ? NULL : &chain, "localhost", &root, reason, sizeof(reason));
  if (trusted != (root != NULL)) fuzz_fail("trust without a root, or a root without trust");
  if (!trusted && reason[0] == '\0') fuzz_fail("a refusal without a reason");
  if (fuzz_planted && !trusted && parsed > 1) fuzz_fail("the planted fault");
  free(root);
  mbedtls_x509_crt_free(&chain);
}

/* All that the server says in one piece, to a client that has just connected. */
void fuzz_handshake(const uint8_t *data, size_t size) {
  int ends[2];
  int room = 1 << 20;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) abort();
  setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
  if (size > 0 && write(ends[1], data, size) < 0) abort();
  shutdown(ends[1], SHUT_WR);
  struct tls *tls = tls_new(ends[0], "localhost");
  if (tls == NULL) abort();
  char reason[300] = "";
  enum tls_progress progress = tls_handshake(tls, reason, sizeof(reason));
  if (progress == TLS_DONE) fuzz_fail("a handshake without a server");
  if (progress == TLS_FAILED && reason[0] == '\0') fuzz_fail("a failure without a reason");
  /* MBEDTLS_ERR_SSL_BAD_CERTIFICATE: as deep as one gets without a key. */
  if (fuzz_planted && strstr(reason, "-0x7a00") != NULL) fuzz_fail("the planted fault");
  tls_free(tls);
  close(ends[0]);
  close(ends[1]);
}
