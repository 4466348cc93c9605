/*
 * A listening Unix socket.
 *
 * Lifetime: the JavaScript object owns the struct and the descriptor. The struct holds its object
 * (`self`) while an accept is pending, and is freed when the object and the poll handle are gone.
 */

#include "local_listener.h"

#include "socket.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static JSClassID class_id;

struct listener {
  uv_poll_t poll;
  int descriptor; /* -1 once closed */
  JSValue self; /* owned while an accept is pending */
  struct deferred accepted;
  bool polling;
  bool finalized;
};

static void on_poll_closed(uv_handle_t *handle) {
  struct listener *listener = handle->data;
  listener->polling = false;
  if (listener->finalized) free(listener);
}

static void close_now(struct listener *listener) {
  if (listener->descriptor < 0) return;
  if (listener->polling) uv_close((uv_handle_t *)&listener->poll, on_poll_closed);
  close(listener->descriptor);
  listener->descriptor = -1;
}

/* Lets the object go when nothing is pending; nothing may touch the listener after this. */
static void let_go(struct listener *listener) {
  JSValue self = listener->self;
  listener->self = JS_UNDEFINED;
  JS_FreeValue(host.context, self);
}

static void on_connection(uv_poll_t *poll, int status, int events) {
  struct listener *listener = poll->data;
  JSContext *ctx = host.context;
  int descriptor = accept4(listener->descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (descriptor < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)) return;
  if (descriptor >= 0) {
    deferred_resolve(ctx, &listener->accepted, socket_new(ctx, descriptor, NULL, ""));
  } else {
    deferred_reject(ctx, &listener->accepted, error_new_errno(ctx, errno, "accepting"));
  }
  uv_poll_stop(&listener->poll);
  let_go(listener);
}

static JSValue listener_accept(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct listener *listener = JS_GetOpaque2(ctx, self, class_id);
  if (listener == NULL) return JS_EXCEPTION;
  if (deferred_pending(&listener->accepted)) return error_throw_errno(ctx, EBUSY, "accept");
  JSValue promise = deferred_open(ctx, &listener->accepted);
  if (JS_IsException(promise)) return promise;
  if (listener->descriptor < 0) {
    deferred_resolve(ctx, &listener->accepted, JS_NULL);
    return promise;
  }
  listener->self = JS_DupValue(ctx, self);
  uv_poll_start(&listener->poll, UV_READABLE, on_connection);
  return promise;
}

static JSValue listener_close(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct listener *listener = JS_GetOpaque2(ctx, self, class_id);
  if (listener == NULL) return JS_EXCEPTION;
  close_now(listener);
  if (!deferred_pending(&listener->accepted)) return JS_UNDEFINED;
  deferred_resolve(ctx, &listener->accepted, JS_NULL);
  let_go(listener);
  return JS_UNDEFINED;
}

static void finalize(JSRuntime *runtime, JSValue value) {
  struct listener *listener = JS_GetOpaque(value, class_id);
  if (listener == NULL) return;
  close_now(listener);
  listener->finalized = true;
  if (!listener->polling) free(listener);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("accept", 0, listener_accept),
    JS_CFUNC_DEF("close", 0, listener_close),
};

static const JSClassDef definition = {.class_name = "LocalListener", .finalizer = finalize};

void local_listener_register(JSContext *ctx) {
  JS_NewClassID(&class_id);
  JS_NewClass(JS_GetRuntime(ctx), class_id, &definition);
  JSValue prototype = JS_NewObject(ctx);
  JS_SetPropertyFunctionList(ctx, prototype, functions, countof(functions));
  JS_SetClassProto(ctx, class_id, prototype);
}

JSValue local_listener_new(JSContext *ctx, int descriptor) {
  struct listener *listener = calloc(1, sizeof(*listener));
  JSValue object =
      listener == NULL ? JS_ThrowOutOfMemory(ctx) : JS_NewObjectClass(ctx, (int)class_id);
  if (JS_IsException(object)) {
    free(listener);
    close(descriptor);
    return object;
  }
  *listener = (struct listener){.descriptor = descriptor, .self = JS_UNDEFINED};
  listener->accepted = DEFERRED_NONE;
  listener->poll.data = listener;
  JS_SetOpaque(object, listener);
  int failure = uv_poll_init(&host.loop, &listener->poll, descriptor);
  if (failure != 0) {
    /* The finalizer closes what was taken over. */
    JS_FreeValue(ctx, object);
    return error_throw_errno(ctx, -failure, "watching a socket");
  }
  listener->polling = true;
  return object;
}
