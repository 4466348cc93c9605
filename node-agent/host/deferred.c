/* A promise that C settles later. */

#include "host.h"

JSValue deferred_open(JSContext *ctx, struct deferred *deferred) {
  JSValue functions[2];
  JSValue promise = JS_NewPromiseCapability(ctx, functions);
  if (JS_IsException(promise)) return promise;
  deferred->resolve = functions[0];
  deferred->reject = functions[1];
  return promise;
}

bool deferred_pending(const struct deferred *deferred) { return !JS_IsUndefined(deferred->resolve); }

static void settle(JSContext *ctx, struct deferred *deferred, bool resolved, JSValue value) {
  /* Emptied first: the caller may start the next operation from within a job that this enqueues. */
  struct deferred taken = *deferred;
  *deferred = DEFERRED_NONE;
  JSValue function = resolved ? taken.resolve : taken.reject;
  JSValue result = JS_Call(ctx, function, JS_UNDEFINED, 1, &value);
  if (JS_IsException(result)) JS_FreeValue(ctx, JS_GetException(ctx));
  JS_FreeValue(ctx, result);
  JS_FreeValue(ctx, value);
  JS_FreeValue(ctx, taken.resolve);
  JS_FreeValue(ctx, taken.reject);
}

void deferred_resolve(JSContext *ctx, struct deferred *deferred, JSValue value) {
  if (!deferred_pending(deferred)) {
    JS_FreeValue(ctx, value);
    return;
  }
  /* Making the value ran out of memory: that error is what the promise gets. */
  if (JS_IsException(value)) settle(ctx, deferred, false, JS_GetException(ctx));
  else settle(ctx, deferred, true, value);
}

void deferred_reject(JSContext *ctx, struct deferred *deferred, JSValue error) {
  if (!deferred_pending(deferred)) {
    JS_FreeValue(ctx, error);
    return;
  }
  settle(ctx, deferred, false, JS_IsException(error) ? JS_GetException(ctx) : error);
}

void deferred_drop(JSRuntime *runtime, struct deferred *deferred) {
  JS_FreeValueRT(runtime, deferred->resolve);
  JS_FreeValueRT(runtime, deferred->reject);
  *deferred = DEFERRED_NONE;
}

void deferred_mark(JSRuntime *runtime, struct deferred *deferred, JS_MarkFunc *mark) {
  JS_MarkValue(runtime, deferred->resolve, mark);
  JS_MarkValue(runtime, deferred->reject, mark);
}
