/* Timers, microtasks, performance.now and console: what TypeScript expects of any host. */

#include "host.h"

#include <math.h>
#include <stdlib.h>

/* As in every browser: a longer delay does not fit a signed 32-bit count of milliseconds. */
static const double delay_ms_max = 2147483647.0;

/* Owned by the loop from uv_timer_init until its close callback frees it. */
struct timer {
  uv_timer_t handle;
  int32_t id;
  JSValue function; /* owned */
  bool repeats;
  struct timer *next; /* all live timers, so that an id finds its timer */
};

static struct timer *timers;
static int32_t last_id;

static void on_closed(uv_handle_t *handle) { free(handle->data); }

static void timer_end(struct timer *timer) {
  for (struct timer **link = &timers; *link != NULL; link = &(*link)->next) {
    if (*link != timer) continue;
    *link = timer->next;
    break;
  }
  JS_FreeValue(host.context, timer->function);
  timer->function = JS_UNDEFINED;
  uv_close((uv_handle_t *)&timer->handle, on_closed);
}

static void on_timer(uv_timer_t *handle) {
  struct timer *timer = handle->data;
  /* The function may clear its own timer. */
  JSValue function = JS_DupValue(host.context, timer->function);
  if (!timer->repeats) timer_end(timer);
  host_call(function, 0, NULL);
  JS_FreeValue(host.context, function);
  /* Promises settled by one timer are seen before the next timer runs, as everywhere else. */
  host_pump();
}

static JSValue set_timer(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv, int repeats) {
  if (!JS_IsFunction(ctx, argv[0])) return JS_ThrowTypeError(ctx, "a timer needs a function");
  double delay_ms = 0;
  if (argc > 1 && JS_ToFloat64(ctx, &delay_ms, argv[1]) < 0) return JS_EXCEPTION;
  if (!(delay_ms >= 1) || delay_ms > delay_ms_max) delay_ms = delay_ms > delay_ms_max ? delay_ms_max : 1;
  struct timer *timer = calloc(1, sizeof(*timer));
  if (timer == NULL) return JS_ThrowOutOfMemory(ctx);
  timer->id = ++last_id;
  timer->function = JS_DupValue(ctx, argv[0]);
  timer->repeats = repeats;
  timer->handle.data = timer;
  timer->next = timers;
  timers = timer;
  uint64_t delay = (uint64_t)ceil(delay_ms);
  uv_timer_init(&host.loop, &timer->handle);
  /* The loop's idea of now may be old when JavaScript has been computing. */
  uv_update_time(&host.loop);
  uv_timer_start(&timer->handle, on_timer, delay, repeats ? delay : 0);
  return JS_NewInt32(ctx, timer->id);
}

static JSValue clear_timer(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  int32_t id;
  if (!JS_IsNumber(argv[0])) return JS_UNDEFINED;
  if (JS_ToInt32(ctx, &id, argv[0]) < 0) return JS_EXCEPTION;
  for (struct timer *timer = timers; timer != NULL; timer = timer->next) {
    if (timer->id != id) continue;
    timer_end(timer);
    break;
  }
  return JS_UNDEFINED;
}

static JSValue microtask_job(JSContext *ctx, int argc, JSValueConst *argv) {
  return JS_Call(ctx, argv[0], JS_UNDEFINED, 0, NULL);
}

static JSValue queue_microtask(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  if (!JS_IsFunction(ctx, argv[0])) return JS_ThrowTypeError(ctx, "a microtask needs a function");
  return JS_EnqueueJob(ctx, microtask_job, 1, argv) < 0 ? JS_EXCEPTION : JS_UNDEFINED;
}

static JSValue performance_now(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  return JS_NewFloat64(ctx, (double)uv_hrtime() / 1e6);
}

static JSValue console_write(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv, int error) {
  JSValue separator = JS_NewString(ctx, " ");
  JSValue array = JS_NewArray(ctx);
  for (int i = 0; i < argc; i++) {
    JS_SetPropertyUint32(ctx, array, (uint32_t)i, JS_ToString(ctx, argv[i]));
  }
  JSAtom join = JS_NewAtom(ctx, "join");
  JSValue line = JS_Invoke(ctx, array, join, 1, &separator);
  JS_FreeAtom(ctx, join);
  JS_FreeValue(ctx, array);
  JS_FreeValue(ctx, separator);
  if (JS_IsException(line)) return line;
  JSValue newline = JS_NewString(ctx, "\n");
  JSValueConst parts[] = {line, newline};
  for (size_t i = 0; i < countof(parts); i++) {
    JSValue done = error ? system_write_error(ctx, self, 1, &parts[i])
                         : system_write_out(ctx, self, 1, &parts[i]);
    if (JS_IsException(done)) JS_FreeValue(ctx, JS_GetException(ctx));
  }
  JS_FreeValue(ctx, line);
  JS_FreeValue(ctx, newline);
  return JS_UNDEFINED;
}

static const JSCFunctionListEntry console_functions[] = {
    JS_CFUNC_MAGIC_DEF("log", 0, console_write, 0),
    JS_CFUNC_MAGIC_DEF("error", 0, console_write, 1),
};

static const JSCFunctionListEntry performance_functions[] = {
    JS_CFUNC_DEF("now", 0, performance_now),
};

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_MAGIC_DEF("setTimeout", 2, set_timer, 0),
    JS_CFUNC_MAGIC_DEF("setInterval", 2, set_timer, 1),
    JS_CFUNC_DEF("clearTimeout", 1, clear_timer),
    JS_CFUNC_DEF("clearInterval", 1, clear_timer),
    JS_CFUNC_DEF("queueMicrotask", 1, queue_microtask),
    JS_OBJECT_DEF("console", console_functions, countof(console_functions), JS_PROP_C_W_E),
    JS_OBJECT_DEF("performance", performance_functions, countof(performance_functions), JS_PROP_C_W_E),
};

void mod_timers_install(JSContext *ctx, JSValueConst global) {
  JS_SetPropertyFunctionList(ctx, global, functions, countof(functions));
}
