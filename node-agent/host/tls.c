/* TLS 1.2 and 1.3 client on mbedTLS. */

#include "tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <mbedtls/error.h>
#include <mbedtls/ssl.h>
#include <psa/crypto.h>
#include <psa/crypto_extra.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct tls {
  mbedtls_ssl_context ssl;
  mbedtls_ssl_config config;
  int descriptor; /* borrowed */
  int failure; /* errno of the last send or recv that failed */
};

static int random_bytes(void *context, unsigned char *output, size_t length) {
  randombytes_buf(output, length);
  return 0;
}

/* mbedTLS's crypto core asks for its randomness by this name. */
psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context,
                                             uint8_t *output, size_t size, size_t *length) {
  randombytes_buf(output, size);
  *length = size;
  return PSA_SUCCESS;
}

static int send_bytes(void *context, const unsigned char *data, size_t length) {
  struct tls *tls = context;
  ssize_t count = send(tls->descriptor, data, length, MSG_NOSIGNAL);
  if (count >= 0) return (int)count;
  if (errno == EAGAIN || errno == EINTR) return MBEDTLS_ERR_SSL_WANT_WRITE;
  tls->failure = errno;
  return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int receive_bytes(void *context, unsigned char *data, size_t length) {
  struct tls *tls = context;
  ssize_t count = recv(tls->descriptor, data, length, 0);
  if (count >= 0) return (int)count;
  if (errno == EAGAIN || errno == EINTR) return MBEDTLS_ERR_SSL_WANT_READ;
  tls->failure = errno;
  return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static bool is_address(const char *host) {
  uint8_t address[16];
  return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

struct tls *tls_new(int descriptor, const char *host) {
  struct tls *tls = calloc(1, sizeof(*tls));
  if (tls == NULL) return NULL;
  tls->descriptor = descriptor;
  mbedtls_ssl_init(&tls->ssl);
  mbedtls_ssl_config_init(&tls->config);
  mbedtls_ssl_config *config = &tls->config;
  bool made = psa_crypto_init() == PSA_SUCCESS;
  made = made && mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                             MBEDTLS_SSL_PRESET_DEFAULT) == 0;
  mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
  mbedtls_ssl_conf_rng(config, random_bytes, NULL);
  /* The chain is judged after the handshake and before any byte of ours is sent: only then is the
   * root known that a joining node was given the fingerprint of. */
  mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_OPTIONAL);
  made = made && mbedtls_ssl_setup(&tls->ssl, config) == 0;
  /* RFC 6066, 3: an IP literal is no server name. */
  made = made && mbedtls_ssl_set_hostname(&tls->ssl, is_address(host) ? NULL : host) == 0;
  mbedtls_ssl_set_bio(&tls->ssl, tls, send_bytes, receive_bytes, NULL);
  if (made) return tls;
  tls_free(tls);
  return NULL;
}

void tls_free(struct tls *tls) {
  if (mbedtls_ssl_is_handshake_over(&tls->ssl)) mbedtls_ssl_close_notify(&tls->ssl);
  mbedtls_ssl_free(&tls->ssl);
  mbedtls_ssl_config_free(&tls->config);
  free(tls);
}

enum tls_progress tls_handshake(struct tls *tls, char *reason, size_t reason_size) {
  int result = mbedtls_ssl_handshake(&tls->ssl);
  if (result == 0) return TLS_DONE;
  if (result == MBEDTLS_ERR_SSL_WANT_READ) return TLS_WANT_READ;
  if (result == MBEDTLS_ERR_SSL_WANT_WRITE) return TLS_WANT_WRITE;
  if (tls->failure != 0) snprintf(reason, reason_size, "TLS handshake: %s", strerror(tls->failure));
  else snprintf(reason, reason_size, "TLS handshake: mbedTLS error -0x%04x", (unsigned)-result);
  return TLS_FAILED;
}

const mbedtls_x509_crt *tls_peer_chain(const struct tls *tls) {
  return mbedtls_ssl_get_peer_cert(&tls->ssl);
}

/* An mbedTLS result as a negated errno. */
static ssize_t as_errno(struct tls *tls, int result) {
  switch (result) {
    case MBEDTLS_ERR_SSL_WANT_READ:
    case MBEDTLS_ERR_SSL_WANT_WRITE:
      return -EAGAIN;
    /* Cut without a goodbye: an attacker may have done that, so it is not an end of stream. */
    case MBEDTLS_ERR_SSL_CONN_EOF:
      return -ECONNRESET;
    default:
      return tls->failure != 0 ? -tls->failure : -EPROTO;
  }
}

ssize_t tls_read(struct tls *tls, uint8_t *data, size_t length) {
  for (;;) {
    int result = mbedtls_ssl_read(&tls->ssl, data, length);
    if (result >= 0) return result;
    if (result == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) return 0;
    /* Sessions are not resumed: a node reconnects too seldom for it. */
    if (result == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) continue;
    return as_errno(tls, result);
  }
}

ssize_t tls_write(struct tls *tls, const uint8_t *data, size_t length) {
  int result = mbedtls_ssl_write(&tls->ssl, data, length);
  return result >= 0 ? result : as_errno(tls, result);
}
