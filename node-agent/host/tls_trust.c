/* Judging a server's certificate chain. RFC 5280 section 6, RFC 6125 by mbedTLS. */

#include "tls_trust.h"

#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Finds the certificate with the fingerprint in what the server sent and makes it the only root. */
static bool root_by_fingerprint(const uint8_t *fingerprint, const mbedtls_x509_crt *chain,
                                mbedtls_x509_crt *roots) {
  for (const mbedtls_x509_crt *at = chain; at != NULL; at = at->next) {
    uint8_t digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(digest, at->raw.p, at->raw.len);
    if (sodium_memcmp(digest, fingerprint, sizeof(digest)) != 0) continue;
    return mbedtls_x509_crt_parse_der(roots, at->raw.p, at->raw.len) == 0;
  }
  return false;
}

/* mbedTLS walks from the root down, so the first certificate it shows is the root. */
static int remember_root(void *context, mbedtls_x509_crt *certificate, int depth, uint32_t *flags) {
  const mbedtls_x509_crt **root = context;
  if (*root == NULL) *root = certificate;
  return 0;
}

static char *to_pem(const mbedtls_x509_crt *certificate) {
  size_t needed = 0;
  static const char head[] = "-----BEGIN CERTIFICATE-----\n", tail[] = "-----END CERTIFICATE-----\n";
  mbedtls_pem_write_buffer(head, tail, certificate->raw.p, certificate->raw.len, NULL, 0, &needed);
  char *pem = malloc(needed);
  if (pem == NULL) return NULL;
  if (mbedtls_pem_write_buffer(head, tail, certificate->raw.p, certificate->raw.len, (uint8_t *)pem,
                               needed, &needed) == 0) {
    return pem;
  }
  free(pem);
  return NULL;
}

static bool verify(const mbedtls_x509_crt *chain, mbedtls_x509_crt *roots, const char *host,
                   char **root_pem, char *reason, size_t reason_size) {
  uint32_t flags = 0;
  const mbedtls_x509_crt *root = NULL;
  /* The chain is only read; mbedTLS's signature lacks the const. */
  int result = mbedtls_x509_crt_verify_with_profile((mbedtls_x509_crt *)chain, roots, NULL,
                                                    &mbedtls_x509_crt_profile_default, host, &flags,
                                                    remember_root, &root);
  if (mbedtls_x509_crt_check_extended_key_usage(chain, MBEDTLS_OID_SERVER_AUTH,
                                                MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)) != 0) {
    flags |= MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
  }
  if (result == 0 && flags == 0 && root != NULL) {
    *root_pem = to_pem(root);
    if (*root_pem == NULL) snprintf(reason, reason_size, "no memory for the root certificate");
    return *root_pem != NULL;
  }
  char info[200] = "";
  if (flags != 0) mbedtls_x509_crt_verify_info(info, sizeof(info), " ", flags);
  for (char *at = info; *at != '\0'; at++) *at = *at == '\n' ? ' ' : *at;
  snprintf(reason, reason_size, "certificate of %s refused:%s", host, info);
  return false;
}

bool trust_check(const struct trust *trust, const mbedtls_x509_crt *chain, const char *host,
                 char **root_pem, char *reason, size_t reason_size) {
  if (chain == NULL) {
    snprintf(reason, reason_size, "%s sent no certificate", host);
    return false;
  }
  mbedtls_x509_crt roots;
  mbedtls_x509_crt_init(&roots);
  bool trusted = false;
  if (trust->fingerprint != NULL) {
    if (root_by_fingerprint(trust->fingerprint, chain, &roots)) {
      trusted = verify(chain, &roots, host, root_pem, reason, reason_size);
    } else {
      snprintf(reason, reason_size, "%s sent no certificate with the expected fingerprint", host);
    }
  } else if (mbedtls_x509_crt_parse(&roots, (const uint8_t *)trust->ca, strlen(trust->ca) + 1) != 0) {
    snprintf(reason, reason_size, "the trusted roots are not PEM certificates");
  } else {
    trusted = verify(chain, &roots, host, root_pem, reason, reason_size);
  }
  mbedtls_x509_crt_free(&roots);
  return trusted;
}
