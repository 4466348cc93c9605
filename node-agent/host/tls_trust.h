/* Whether the certificates that a server sent prove what they must. */
#ifndef COHORT_TLS_TRUST_H
#define COHORT_TLS_TRUST_H

#include <mbedtls/x509_crt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRUST_FINGERPRINT_BYTES 32

/* Exactly one of the two is set; both are owned by whoever fills the struct. */
struct trust {
  char *ca; /* PEM bundle, from malloc */
  uint8_t *fingerprint; /* SHA-256 of a root's DER, from malloc */
};

/*
 * True when `chain` leads to a trusted root and names `host`; `*root_pem` is then that root (from
 * malloc, the caller frees). Otherwise false, with the reason as text.
 */
bool trust_check(const struct trust *trust, const mbedtls_x509_crt *chain, const char *host,
                 char **root_pem, char *reason, size_t reason_size);

#endif
