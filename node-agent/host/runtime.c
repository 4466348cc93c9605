/* The loop, the JavaScript runtime, and how the two take turns. */

#include "host.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* Deep enough for any parser of ours; well below the 8 MiB that the kernel gives a main thread. */
static const size_t stack_bytes_max = 1024 * 1024;
/* Collect cycles early: small boards have more time than memory. */
static const size_t collect_threshold_bytes = 512 * 1024;
/* And some time after work: by itself, QuickJS does it when the heap has grown by half. */
enum { collect_after_ms = 2000 };
enum { rejections_max = 64 };

struct host host;

/* Rejected promises that nobody has handled yet; both values are owned. */
static struct {
  JSValue promise;
  JSValue reason;
} rejections[rejections_max];
static size_t rejections_count;

static uv_prepare_t before_wait;
static uv_check_t after_wait;
static uv_timer_t collect_timer;

static void on_rejection(JSContext *ctx, JSValueConst promise, JSValueConst reason, JS_BOOL handled,
                         void *opaque) {
  if (handled) {
    for (size_t i = 0; i < rejections_count; i++) {
      if (!JS_StrictEq(ctx, rejections[i].promise, promise)) continue;
      JS_FreeValue(ctx, rejections[i].promise);
      JS_FreeValue(ctx, rejections[i].reason);
      rejections[i] = rejections[--rejections_count];
      return;
    }
    return;
  }
  /* More at once than a turn can lose by accident: the first that is kept ends the process. */
  if (rejections_count == rejections_max) return;
  rejections[rejections_count].promise = JS_DupValue(ctx, promise);
  rejections[rejections_count].reason = JS_DupValue(ctx, reason);
  rejections_count++;
}

static void pump_prepare(uv_prepare_t *handle) { host_pump(); }
static void pump_check(uv_check_t *handle) { host_pump(); }
static void collect(uv_timer_t *timer) { JS_RunGC(host.runtime); }

void host_open(int argc, char **argv, size_t memory_bytes_max, const JSMallocFunctions *memory) {
  host.argc = argc;
  host.argv = argv;
  /* A peer that is gone is an error of one write, not the end of the process. */
  signal(SIGPIPE, SIG_IGN);
  /* Name look-ups and fsync, and one operation on a device, as src/limits.ts has it. */
  setenv("UV_THREADPOOL_SIZE", "3", 0);
  if (uv_loop_init(&host.loop) != 0) abort();
  /* Whatever a callback has settled is run before the loop may wait, and right after it waited. */
  uv_prepare_init(&host.loop, &before_wait);
  uv_prepare_start(&before_wait, pump_prepare);
  uv_unref((uv_handle_t *)&before_wait);
  uv_check_init(&host.loop, &after_wait);
  uv_check_start(&after_wait, pump_check);
  uv_unref((uv_handle_t *)&after_wait);
  uv_timer_init(&host.loop, &collect_timer);
  uv_unref((uv_handle_t *)&collect_timer);

  host.runtime = memory == NULL ? JS_NewRuntime() : JS_NewRuntime2(memory, NULL);
  if (host.runtime == NULL) abort();
  JS_SetMemoryLimit(host.runtime, memory_bytes_max);
  JS_SetGCThreshold(host.runtime, collect_threshold_bytes);
  JS_SetMaxStackSize(host.runtime, stack_bytes_max);
  JS_SetHostPromiseRejectionTracker(host.runtime, on_rejection, NULL);
  host.context = JS_NewContext(host.runtime);
  if (host.context == NULL) abort();
}

void host_load(const uint8_t *code, size_t length) {
  JSContext *ctx = host.context;
  JSValue module = JS_ReadObject(ctx, code, length, JS_READ_OBJ_BYTECODE | JS_READ_OBJ_ROM_DATA);
  if (!JS_IsException(module) && JS_ResolveModule(ctx, module) < 0) {
    JS_FreeValue(ctx, module);
    module = JS_EXCEPTION;
  }
  /* A module's value is a promise: its rejection reaches on_rejection. */
  JSValue result = JS_IsException(module) ? module : JS_EvalFunction(ctx, module);
  if (JS_IsException(result)) {
    JSValue error = JS_GetException(ctx);
    host_print_error(error);
    exit(1);
  }
  JS_FreeValue(ctx, result);
}

int host_run(void) {
  do {
    host_pump();
    uv_run(&host.loop, UV_RUN_DEFAULT);
    host_pump();
  } while (uv_loop_alive(&host.loop));
  return 0;
}

void host_pump(void) {
  JSContext *ctx;
  for (;;) {
    int done = JS_ExecutePendingJob(host.runtime, &ctx);
    if (done == 0) break;
    if (done < 0) {
      JSValue error = JS_GetException(ctx);
      host_print_error(error);
      exit(1);
    }
  }
  if (rejections_count == 0) return;
  fputs("unhandled rejection: ", stderr);
  host_print_error(rejections[0].reason);
  exit(1);
}

void host_call(JSValueConst function, int argc, JSValueConst *argv) {
  if (!uv_is_active((uv_handle_t *)&collect_timer)) {
    uv_timer_start(&collect_timer, collect, collect_after_ms, 0);
  }
  JSValue result = JS_Call(host.context, function, JS_UNDEFINED, argc, argv);
  if (JS_IsException(result)) {
    JSValue error = JS_GetException(host.context);
    host_print_error(error);
    exit(1);
  }
  JS_FreeValue(host.context, result);
}

static void print_field(JSContext *ctx, JSValueConst value) {
  const char *text = JS_ToCString(ctx, value);
  if (text == NULL) JS_FreeValue(ctx, JS_GetException(ctx));
  fprintf(stderr, "%s\n", text == NULL ? "(an error that cannot be printed)" : text);
  if (text != NULL) JS_FreeCString(ctx, text);
}

void host_print_error(JSValueConst error) {
  JSContext *ctx = host.context;
  print_field(ctx, error);
  if (!JS_IsObject(error)) return;
  JSValue stack = JS_GetPropertyStr(ctx, error, "stack");
  if (JS_IsString(stack)) print_field(ctx, stack);
  JS_FreeValue(ctx, stack);
}
