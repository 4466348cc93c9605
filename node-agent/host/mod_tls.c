/*
 * `__host.connectTls`: look up, connect, shake hands, judge the certificate; one deadline for all.
 *
 * A struct connecting lives from the call until its promise is settled and its last handle is
 * closed: `holders` counts the look-up, the poll handle and the timer.
 */

#include "host.h"
#include "socket.h"
#include "tls_trust.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const int64_t timeout_ms_max = 10 * 60 * 1000;

struct connecting {
  uv_getaddrinfo_t lookup;
  uv_poll_t poll;
  uv_timer_t timer;
  int holders;
  bool settled;
  bool polling;
  struct deferred done;
  char *host;
  char port[8];
  struct trust trust;
  struct addrinfo *addresses; /* owned; from libuv */
  const struct addrinfo *next_address;
  int last_failure;
  int descriptor; /* -1 when there is none */
  struct tls *tls;
};

static void try_next_address(struct connecting *connecting);

static void let_go(struct connecting *connecting) {
  if (--connecting->holders > 0) return;
  uv_freeaddrinfo(connecting->addresses);
  free(connecting->trust.ca);
  free(connecting->trust.fingerprint);
  free(connecting->host);
  free(connecting);
}

static void on_timer_closed(uv_handle_t *handle) { let_go(handle->data); }

/* One poll handle serves address after address: the next starts when it is closed. */
static void on_poll_closed(uv_handle_t *handle) {
  struct connecting *connecting = handle->data;
  if (!connecting->settled) try_next_address(connecting);
  let_go(connecting);
}

static void stop_polling(struct connecting *connecting) {
  if (!connecting->polling) return;
  connecting->polling = false;
  uv_close((uv_handle_t *)&connecting->poll, on_poll_closed);
}

/* Gives up everything but the outcome, which the caller settles right after. */
static void finish(struct connecting *connecting) {
  connecting->settled = true;
  stop_polling(connecting);
  if (connecting->tls != NULL) tls_free(connecting->tls);
  connecting->tls = NULL;
  if (connecting->descriptor >= 0) close(connecting->descriptor);
  connecting->descriptor = -1;
  uv_cancel((uv_req_t *)&connecting->lookup);
  uv_close((uv_handle_t *)&connecting->timer, on_timer_closed);
}

static void fail(struct connecting *connecting, const char *code, const char *message) {
  JSValue error = error_new(host.context, code, message);
  finish(connecting);
  deferred_reject(host.context, &connecting->done, error);
}

static void succeed(struct connecting *connecting, const char *root_pem) {
  stop_polling(connecting);
  int descriptor = connecting->descriptor;
  struct tls *tls = connecting->tls;
  connecting->descriptor = -1;
  connecting->tls = NULL;
  JSValue socket = socket_new(host.context, descriptor, tls, root_pem);
  finish(connecting);
  deferred_resolve(host.context, &connecting->done, socket);
}

static void judge(struct connecting *connecting) {
  char reason[400];
  char *root_pem = NULL;
  const mbedtls_x509_crt *chain = tls_peer_chain(connecting->tls);
  if (trust_check(&connecting->trust, chain, connecting->host, &root_pem, reason, sizeof(reason))) {
    succeed(connecting, root_pem);
  } else {
    fail(connecting, "TLS_VERIFY", reason);
  }
  free(root_pem);
}

static void on_handshake(uv_poll_t *poll, int status, int events);

static void shake_hands(struct connecting *connecting) {
  char reason[200];
  switch (tls_handshake(connecting->tls, reason, sizeof(reason))) {
    case TLS_DONE: judge(connecting); return;
    case TLS_WANT_READ: uv_poll_start(&connecting->poll, UV_READABLE, on_handshake); return;
    case TLS_WANT_WRITE: uv_poll_start(&connecting->poll, UV_WRITABLE, on_handshake); return;
    case TLS_FAILED: fail(connecting, "TLS_HANDSHAKE", reason); return;
  }
}

static void on_handshake(uv_poll_t *poll, int status, int events) { shake_hands(poll->data); }

static void on_connected(uv_poll_t *poll, int status, int events) {
  struct connecting *connecting = poll->data;
  int failure = 0;
  socklen_t length = sizeof(failure);
  if (getsockopt(connecting->descriptor, SOL_SOCKET, SO_ERROR, &failure, &length) != 0) failure = errno;
  if (failure != 0) {
    connecting->last_failure = failure;
    stop_polling(connecting);
    close(connecting->descriptor);
    connecting->descriptor = -1;
    return;
  }
  int on = 1;
  setsockopt(connecting->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  connecting->tls = tls_new(connecting->descriptor, connecting->host);
  if (connecting->tls == NULL) fail(connecting, "ENOMEM", "no memory for TLS");
  else shake_hands(connecting);
}

/* 0 or an errno. */
static int start_connecting(struct connecting *connecting, const struct addrinfo *address) {
  int descriptor = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return errno;
  if (connect(descriptor, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS) {
    int failure = errno;
    close(descriptor);
    return failure;
  }
  int failure = uv_poll_init(&host.loop, &connecting->poll, descriptor);
  if (failure != 0) {
    close(descriptor);
    return -failure;
  }
  connecting->descriptor = descriptor;
  connecting->polling = true;
  connecting->holders++;
  uv_poll_start(&connecting->poll, UV_WRITABLE, on_connected);
  return 0;
}

static void try_next_address(struct connecting *connecting) {
  while (connecting->next_address != NULL) {
    const struct addrinfo *address = connecting->next_address;
    connecting->next_address = address->ai_next;
    connecting->last_failure = start_connecting(connecting, address);
    if (connecting->last_failure == 0) return;
  }
  char message[400];
  snprintf(message, sizeof(message), "connecting to %s:%s: %s", connecting->host, connecting->port,
           strerror(connecting->last_failure));
  fail(connecting, error_name(connecting->last_failure), message);
}

static void on_addresses(uv_getaddrinfo_t *lookup, int status, struct addrinfo *addresses) {
  struct connecting *connecting = lookup->data;
  connecting->addresses = addresses;
  connecting->next_address = addresses;
  if (!connecting->settled && status == 0) try_next_address(connecting);
  if (!connecting->settled && status != 0) {
    char message[400];
    snprintf(message, sizeof(message), "looking up %s: %s", connecting->host, uv_strerror(status));
    fail(connecting, "EHOSTUNREACH", message);
  }
  let_go(connecting);
}

static void on_timeout(uv_timer_t *timer) {
  struct connecting *connecting = timer->data;
  char message[400];
  snprintf(message, sizeof(message), "connecting to %s:%s took too long", connecting->host,
           connecting->port);
  fail(connecting, "TIMEOUT", message);
}

static bool read_trust(JSContext *ctx, JSValueConst options, struct trust *trust) {
  struct bytes fingerprint;
  JSValue object = JS_GetPropertyStr(ctx, options, "trust");
  if (JS_IsException(object)) return false;
  JSValue value = JS_GetPropertyStr(ctx, object, "fingerprint");
  bool read = !JS_IsException(value);
  if (read && JS_IsUndefined(value)) {
    read = option_string(ctx, object, "ca", &trust->ca);
  } else if (read) {
    read = bytes_get_exact(ctx, value, TRUST_FINGERPRINT_BYTES, &fingerprint);
    trust->fingerprint = read ? malloc(TRUST_FINGERPRINT_BYTES) : NULL;
    if (trust->fingerprint != NULL) {
      memcpy(trust->fingerprint, fingerprint.data, TRUST_FINGERPRINT_BYTES);
    } else if (read) {
      JS_ThrowOutOfMemory(ctx);
      read = false;
    }
  }
  JS_FreeValue(ctx, value);
  JS_FreeValue(ctx, object);
  return read;
}

static bool read_options(JSContext *ctx, JSValueConst options, struct connecting *connecting,
                         int64_t *timeout_ms) {
  int64_t port;
  if (!option_string(ctx, options, "host", &connecting->host)) return false;
  if (!option_int64(ctx, options, "port", &port)) return false;
  if (!option_int64(ctx, options, "timeoutMs", timeout_ms)) return false;
  if (port < 1 || port > 65535 || *timeout_ms < 1 || *timeout_ms > timeout_ms_max) {
    JS_ThrowRangeError(ctx, "port or timeoutMs is out of range");
    return false;
  }
  snprintf(connecting->port, sizeof(connecting->port), "%d", (int)port);
  return read_trust(ctx, options, &connecting->trust);
}

static JSValue connect_tls(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  int64_t timeout_ms;
  struct connecting *connecting = calloc(1, sizeof(*connecting));
  if (connecting == NULL) return JS_ThrowOutOfMemory(ctx);
  connecting->holders = 1;
  connecting->descriptor = -1;
  JSValue promise = JS_EXCEPTION;
  if (read_options(ctx, argv[0], connecting, &timeout_ms)) {
    promise = deferred_open(ctx, &connecting->done);
  }
  if (JS_IsException(promise)) {
    let_go(connecting);
    return promise;
  }
  connecting->lookup.data = connecting;
  connecting->poll.data = connecting;
  connecting->timer.data = connecting;
  connecting->holders++;
  uv_timer_init(&host.loop, &connecting->timer);
  uv_update_time(&host.loop);
  uv_timer_start(&connecting->timer, on_timeout, (uint64_t)timeout_ms, 0);
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  int failure = uv_getaddrinfo(&host.loop, &connecting->lookup, on_addresses, connecting->host,
                               connecting->port, &hints);
  if (failure != 0) {
    fail(connecting, error_name(-failure), "looking up a host name");
    let_go(connecting);
  }
  return promise;
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("connectTls", 1, connect_tls),
};

void mod_tls_install(JSContext *ctx, JSValueConst object) {
  socket_register(ctx);
  JS_SetPropertyFunctionList(ctx, object, functions, countof(functions));
}
