/*
 * A byte stream for JavaScript. One uv_poll per socket: reading and writing go straight to the
 * descriptor (or through mbedTLS to it), so that nothing is buffered that nobody asked for.
 *
 * Lifetime: the JavaScript object owns the struct. While an operation is pending the struct holds
 * its object (`self`), as the loop must find both. The struct is freed in the poll handle's close
 * callback, after the object is gone: never earlier, never twice.
 */

#include "socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What one read can return; a TLS record is at most a quarter of it. */
static uint8_t scratch[64 * 1024];

static JSClassID class_id;

struct pending_write {
  struct pending_write *next;
  struct deferred done;
  size_t length;
  size_t offset;
  uint8_t data[]; /* a copy: JavaScript may reuse its own buffer at once */
};

struct socket {
  uv_poll_t poll;
  int descriptor; /* -1 once closed */
  struct tls *tls; /* owned; NULL without TLS */
  JSValue self; /* owned while an operation is pending */
  struct deferred read;
  struct pending_write *writes; /* oldest first */
  JSValue peer_root;
  bool polling; /* uv_poll_init has succeeded */
  bool finalized; /* the JavaScript object is gone */
};

static void on_ready(uv_poll_t *poll, int status, int events);

static void on_poll_closed(uv_handle_t *handle) {
  struct socket *socket = handle->data;
  socket->polling = false;
  if (socket->finalized) free(socket);
}

/* Watches for exactly what is pending; holds or lets go of the object accordingly. */
static void update(struct socket *socket) {
  int events = deferred_pending(&socket->read) ? UV_READABLE : 0;
  if (socket->writes != NULL) events |= UV_WRITABLE;
  if (socket->descriptor >= 0) {
    if (events != 0) uv_poll_start(&socket->poll, events, on_ready);
    else uv_poll_stop(&socket->poll);
  }
  if (events == 0 && !JS_IsUndefined(socket->self)) {
    JSValue self = socket->self;
    socket->self = JS_UNDEFINED;
    /* May finalize the socket: nothing may touch it after this. */
    JS_FreeValue(host.context, self);
  }
}

static void hold(struct socket *socket, JSValueConst self) {
  if (JS_IsUndefined(socket->self)) socket->self = JS_DupValue(host.context, self);
}

static JSValue stream_error(const struct socket *socket, int failure, const char *what) {
  return error_new_errno(host.context, -failure, what);
}

/* Count of bytes, 0 at the end, or a negated errno. */
static ssize_t read_some(struct socket *socket) {
  if (socket->tls != NULL) return tls_read(socket->tls, scratch, sizeof(scratch));
  ssize_t count = recv(socket->descriptor, scratch, sizeof(scratch), 0);
  return count < 0 ? -errno : count;
}

static ssize_t write_some(struct socket *socket, const uint8_t *data, size_t length) {
  if (socket->tls != NULL) return tls_write(socket->tls, data, length);
  ssize_t count = send(socket->descriptor, data, length, MSG_NOSIGNAL);
  return count < 0 ? -errno : count;
}

static void try_read(struct socket *socket) {
  JSContext *ctx = host.context;
  ssize_t count = read_some(socket);
  if (count == -EAGAIN || count == -EINTR) return;
  if (count > 0) deferred_resolve(ctx, &socket->read, bytes_copy(ctx, scratch, (size_t)count));
  else if (count == 0) deferred_resolve(ctx, &socket->read, JS_NULL);
  else deferred_reject(ctx, &socket->read, stream_error(socket, (int)count, "reading"));
}

/* Settles every write; JS_UNDEFINED in `failure` stands for success of the first alone. */
static void end_first_write(struct socket *socket, int failure) {
  struct pending_write *write = socket->writes;
  socket->writes = write->next;
  if (failure == 0) deferred_resolve(host.context, &write->done, JS_UNDEFINED);
  else deferred_reject(host.context, &write->done, stream_error(socket, failure, "writing"));
  free(write);
}

static void try_writes(struct socket *socket) {
  while (socket->writes != NULL) {
    struct pending_write *write = socket->writes;
    ssize_t count = write_some(socket, write->data + write->offset, write->length - write->offset);
    if (count == -EAGAIN || count == -EINTR) return;
    if (count < 0) {
      /* The order of the stream is lost: what is queued behind cannot be sent either. */
      while (socket->writes != NULL) end_first_write(socket, (int)count);
      return;
    }
    write->offset += (size_t)count;
    if (write->offset == write->length) end_first_write(socket, 0);
  }
}

static void on_ready(uv_poll_t *poll, int status, int events) {
  struct socket *socket = poll->data;
  /* On an error both directions are tried: the calls themselves tell what is wrong. */
  if (status < 0) events = UV_READABLE | UV_WRITABLE;
  if ((events & UV_WRITABLE) != 0) try_writes(socket);
  if ((events & UV_READABLE) != 0 && deferred_pending(&socket->read)) try_read(socket);
  update(socket);
}

static void close_now(struct socket *socket) {
  if (socket->descriptor < 0) return;
  if (socket->tls != NULL) tls_free(socket->tls);
  socket->tls = NULL;
  if (socket->polling) uv_close((uv_handle_t *)&socket->poll, on_poll_closed);
  close(socket->descriptor);
  socket->descriptor = -1;
}

static void finalize(JSRuntime *runtime, JSValue value) {
  struct socket *socket = JS_GetOpaque(value, class_id);
  if (socket == NULL) return;
  close_now(socket);
  JS_FreeValueRT(runtime, socket->peer_root);
  socket->finalized = true;
  if (!socket->polling) free(socket);
}

static struct socket *get_open(JSContext *ctx, JSValueConst self) {
  struct socket *socket = JS_GetOpaque2(ctx, self, class_id);
  if (socket == NULL || socket->descriptor >= 0) return socket;
  error_throw(ctx, "CLOSED", "the socket is closed");
  return NULL;
}

static JSValue rejected(JSContext *ctx) {
  struct deferred deferred = DEFERRED_NONE;
  JSValue error = JS_GetException(ctx);
  JSValue promise = deferred_open(ctx, &deferred);
  deferred_reject(ctx, &deferred, error);
  return promise;
}

static JSValue socket_read(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct socket *socket = get_open(ctx, self);
  if (socket == NULL) return rejected(ctx);
  if (deferred_pending(&socket->read)) {
    error_throw_errno(ctx, EBUSY, "a read is pending");
    return rejected(ctx);
  }
  JSValue promise = deferred_open(ctx, &socket->read);
  if (JS_IsException(promise)) return promise;
  hold(socket, self);
  /* TLS may hold decrypted bytes that no poll would announce. */
  try_read(socket);
  update(socket);
  return promise;
}

/* Queues what the kernel did not take at once. */
static bool queue_write(JSContext *ctx, struct socket *socket, struct bytes rest, JSValue *promise) {
  struct pending_write *write = malloc(sizeof(*write) + rest.length);
  if (write == NULL) {
    JS_ThrowOutOfMemory(ctx);
    return false;
  }
  *write = (struct pending_write){.done = DEFERRED_NONE, .length = rest.length};
  memcpy(write->data, rest.data, rest.length);
  *promise = deferred_open(ctx, &write->done);
  if (JS_IsException(*promise)) {
    free(write);
    return false;
  }
  struct pending_write **last = &socket->writes;
  while (*last != NULL) last = &(*last)->next;
  *last = write;
  return true;
}

static JSValue socket_write(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct bytes bytes;
  struct socket *socket = get_open(ctx, self);
  if (socket == NULL || !bytes_get(ctx, argv[0], &bytes)) return rejected(ctx);
  /* Usually the kernel takes all, and nothing is copied. */
  while (socket->writes == NULL && bytes.length > 0) {
    ssize_t count = write_some(socket, bytes.data, bytes.length);
    if (count == -EAGAIN || count == -EINTR) break;
    if (count < 0) {
      error_throw_errno(ctx, (int)-count, "writing");
      return rejected(ctx);
    }
    bytes.data += count;
    bytes.length -= (size_t)count;
  }
  JSValue promise;
  if (bytes.length == 0 && socket->writes == NULL) {
    struct deferred done = DEFERRED_NONE;
    promise = deferred_open(ctx, &done);
    deferred_resolve(ctx, &done, JS_UNDEFINED);
    return promise;
  }
  if (!queue_write(ctx, socket, bytes, &promise)) return rejected(ctx);
  hold(socket, self);
  update(socket);
  return promise;
}

static JSValue socket_close(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct socket *socket = JS_GetOpaque2(ctx, self, class_id);
  if (socket == NULL) return JS_EXCEPTION;
  close_now(socket);
  deferred_reject(ctx, &socket->read, error_new(ctx, "CLOSED", "the socket was closed"));
  while (socket->writes != NULL) end_first_write(socket, -ECANCELED);
  update(socket);
  return JS_UNDEFINED;
}

static JSValue get_peer_root(JSContext *ctx, JSValueConst self) {
  struct socket *socket = JS_GetOpaque2(ctx, self, class_id);
  return socket == NULL ? JS_EXCEPTION : JS_DupValue(ctx, socket->peer_root);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("read", 0, socket_read),
    JS_CFUNC_DEF("write", 1, socket_write),
    JS_CFUNC_DEF("close", 0, socket_close),
    JS_CGETSET_DEF("peerRoot", get_peer_root, NULL),
};

static const JSClassDef definition = {.class_name = "Socket", .finalizer = finalize};

void socket_register(JSContext *ctx) {
  JS_NewClassID(&class_id);
  JS_NewClass(JS_GetRuntime(ctx), class_id, &definition);
  JSValue prototype = JS_NewObject(ctx);
  JS_SetPropertyFunctionList(ctx, prototype, functions, countof(functions));
  JS_SetClassProto(ctx, class_id, prototype);
}

JSValue socket_new(JSContext *ctx, int descriptor, struct tls *tls, const char *peer_root) {
  struct socket *socket = calloc(1, sizeof(*socket));
  JSValue object = socket == NULL ? JS_ThrowOutOfMemory(ctx) : JS_NewObjectClass(ctx, (int)class_id);
  if (JS_IsException(object)) {
    free(socket);
    if (tls != NULL) tls_free(tls);
    close(descriptor);
    return object;
  }
  socket->descriptor = descriptor;
  socket->tls = tls;
  socket->self = JS_UNDEFINED;
  socket->read = DEFERRED_NONE;
  socket->peer_root = JS_NewString(ctx, peer_root);
  socket->poll.data = socket;
  JS_SetOpaque(object, socket);
  int failure = uv_poll_init(&host.loop, &socket->poll, descriptor);
  if (failure != 0) {
    /* The finalizer closes what was taken over. */
    JS_FreeValue(ctx, object);
    return error_throw_errno(ctx, -failure, "watching a socket");
  }
  socket->polling = true;
  return object;
}
