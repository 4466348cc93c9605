/* What the agent learns of its machine and process: `__host` outside its three sub-objects. */

#include "host.h"
#include "update.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static const int64_t random_bytes_max = 1024 * 1024;
static const int64_t input_bytes_max = 1024 * 1024;

JSValue system_environment(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  const char *name = JS_ToCString(ctx, argv[0]);
  if (name == NULL) return JS_EXCEPTION;
  const char *value = getenv(name);
  JS_FreeCString(ctx, name);
  return value == NULL ? JS_UNDEFINED : JS_NewString(ctx, value);
}

JSValue system_exit(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  int32_t code;
  if (JS_ToInt32(ctx, &code, argv[0]) < 0) return JS_EXCEPTION;
  fflush(NULL);
  _exit(code & 0xff);
}

/* Whole text or an error, also on a pipe that was made non-blocking by whoever shares it. */
static JSValue write_text(JSContext *ctx, JSValueConst value, int descriptor) {
  size_t length;
  const char *text = JS_ToCStringLen(ctx, &length, value);
  if (text == NULL) return JS_EXCEPTION;
  size_t done = 0;
  int failure = 0;
  while (done < length && failure == 0) {
    ssize_t count = write(descriptor, text + done, length - done);
    if (count >= 0) done += (size_t)count;
    else if (errno == EAGAIN) usleep(1000);
    else if (errno != EINTR) failure = errno;
  }
  JS_FreeCString(ctx, text);
  return failure == 0 ? JS_UNDEFINED : error_throw_errno(ctx, failure, "writing output");
}

JSValue system_write_out(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  return write_text(ctx, argv[0], STDOUT_FILENO);
}

JSValue system_write_error(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  return write_text(ctx, argv[0], STDERR_FILENO);
}

/* A join token is piped in: on a command line every process of the machine could read it. */
static JSValue read_input(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  int64_t length;
  if (JS_ToInt64(ctx, &length, argv[0]) < 0) return JS_EXCEPTION;
  if (length < 0 || length > input_bytes_max) return error_throw_errno(ctx, EINVAL, "reading input");
  uint8_t *data = malloc((size_t)length + 1);
  if (data == NULL) return JS_ThrowOutOfMemory(ctx);
  size_t done = 0;
  while (done < (size_t)length) {
    ssize_t count = read(STDIN_FILENO, data + done, (size_t)length - done);
    if (count == 0) break;
    if (count > 0) done += (size_t)count;
    else if (errno == EAGAIN) usleep(1000);
    else if (errno != EINTR) {
      int failure = errno;
      free(data);
      return error_throw_errno(ctx, failure, "reading input");
    }
  }
  return bytes_adopt(ctx, data, done);
}

JSValue system_now(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return JS_NewInt64(ctx, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

static JSValue monotonic(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  return JS_NewFloat64(ctx, (double)uv_hrtime() / 1e6);
}

JSValue system_random(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  int64_t length;
  if (JS_ToInt64(ctx, &length, argv[0]) < 0) return JS_EXCEPTION;
  if (length < 0 || length > random_bytes_max) return error_throw_errno(ctx, EINVAL, "random");
  uint8_t *data = malloc((size_t)length + 1);
  if (data == NULL) return JS_ThrowOutOfMemory(ctx);
  randombytes_buf(data, (size_t)length);
  return bytes_adopt(ctx, data, (size_t)length);
}

static const struct {
  int number;
  const char *name;
} signals[] = {{SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}, {SIGHUP, "SIGHUP"}};

static uv_signal_t signal_handles[countof(signals)];
static JSValue signal_handler; /* owned; set once `signals_watched` */
static bool signals_watched;

static void on_signal(uv_signal_t *handle, int number) {
  for (size_t i = 0; i < countof(signals); i++) {
    if (signals[i].number != number) continue;
    JSValue name = JS_NewString(host.context, signals[i].name);
    JSValue handler = JS_DupValue(host.context, signal_handler);
    host_call(handler, 1, &name);
    JS_FreeValue(host.context, handler);
    JS_FreeValue(host.context, name);
  }
}

static JSValue set_on_signal(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  if (!JS_IsFunction(ctx, argv[0])) return JS_ThrowTypeError(ctx, "a signal needs a function");
  if (signals_watched) JS_FreeValue(ctx, signal_handler);
  signal_handler = JS_DupValue(ctx, argv[0]);
  for (size_t i = 0; !signals_watched && i < countof(signals); i++) {
    uv_signal_init(&host.loop, &signal_handles[i]);
    uv_signal_start(&signal_handles[i], on_signal, signals[i].number);
    /* Waiting for a signal is no reason to live on. */
    uv_unref((uv_handle_t *)&signal_handles[i]);
  }
  signals_watched = true;
  return JS_UNDEFINED;
}

static JSValue make_info(JSContext *ctx) {
  struct utsname name;
  struct sysinfo memory;
  uname(&name);
  sysinfo(&memory);
  JSValue info = JS_NewObject(ctx);
  JSValue arguments = JS_NewArray(ctx);
  for (int i = 1; i < host.argc; i++) {
    JS_SetPropertyUint32(ctx, arguments, (uint32_t)(i - 1), JS_NewString(ctx, host.argv[i]));
  }
  JS_SetPropertyStr(ctx, info, "version", JS_NewString(ctx, COHORT_VERSION));
  JS_SetPropertyStr(ctx, info, "arch", JS_NewString(ctx, COHORT_ARCH));
  JS_SetPropertyStr(ctx, info, "kernel", JS_NewString(ctx, name.release));
  JS_SetPropertyStr(ctx, info, "hostname", JS_NewString(ctx, name.nodename));
  JS_SetPropertyStr(ctx, info, "cores", JS_NewInt64(ctx, sysconf(_SC_NPROCESSORS_ONLN)));
  int64_t bytes = (int64_t)memory.totalram * memory.mem_unit;
  JS_SetPropertyStr(ctx, info, "memoryBytes", JS_NewInt64(ctx, bytes));
  JS_SetPropertyStr(ctx, info, "process", JS_NewInt64(ctx, getpid()));
  JS_SetPropertyStr(ctx, info, "user", JS_NewInt64(ctx, geteuid()));
  JS_SetPropertyStr(ctx, info, "argv", arguments);
  return info;
}

static JSValue restart(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  fflush(NULL);
  return error_throw_errno(ctx, update_restart(), "beginning anew");
}

static JSValue end_trial(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  update_end_trial();
  return JS_UNDEFINED;
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("restart", 0, restart),
    JS_CFUNC_DEF("endTrial", 0, end_trial),
    JS_CFUNC_DEF("environment", 1, system_environment),
    JS_CFUNC_DEF("exit", 1, system_exit),
    JS_CFUNC_DEF("readInput", 1, read_input),
    JS_CFUNC_DEF("writeOut", 1, system_write_out),
    JS_CFUNC_DEF("writeError", 1, system_write_error),
    JS_CFUNC_DEF("onSignal", 1, set_on_signal),
    JS_CFUNC_DEF("now", 0, system_now),
    JS_CFUNC_DEF("monotonic", 0, monotonic),
    JS_CFUNC_DEF("random", 1, system_random),
};

void mod_system_install(JSContext *ctx, JSValueConst object) {
  JS_SetPropertyFunctionList(ctx, object, functions, countof(functions));
  JS_SetPropertyStr(ctx, object, "info", make_info(ctx));
}
