/*
 * What the native modules share. One process has one loop, one JavaScript runtime and one context;
 * all of it belongs to the main thread.
 */
#ifndef COHORT_HOST_H
#define COHORT_HOST_H

#include <quickjs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define countof(array) (sizeof(array) / sizeof((array)[0]))

/* --- runtime.c ------------------------------------------------------------------------------- */

struct host {
  uv_loop_t loop;
  JSRuntime *runtime;
  JSContext *context;
  int argc;
  char **argv; /* borrowed from main */
};

/* The process's only host; it lives until the process ends. */
extern struct host host;

/*
 * Makes runtime and context. `memory_bytes_max` bounds what JavaScript may allocate; `memory`, which
 * stays borrowed for ever, allocates it, and NULL stands for QuickJS's own way.
 */
void host_open(int argc, char **argv, size_t memory_bytes_max, const JSMallocFunctions *memory);
/* Evaluates a module compiled by qjsc; `code` stays borrowed for ever. */
void host_load(const uint8_t *code, size_t length);
/* Runs until nothing can happen any more; returns the exit code. */
int host_run(void);
/* Runs all pending promise jobs. Only ever from the top of the loop, never below JavaScript. */
void host_pump(void);
/* Prints the value as an uncaught error. Borrows it. */
void host_print_error(JSValueConst error);
/* Calls a function from the loop; an exception ends the process, as nobody could catch it. */
void host_call(JSValueConst function, int argc, JSValueConst *argv);

/* --- error.c: HostError as in src/host.ts ----------------------------------------------------- */

/* A new error object with `code`; the caller owns it. */
JSValue error_new(JSContext *ctx, const char *code, const char *message);
/* Throws one; returns JS_EXCEPTION. */
JSValue error_throw(JSContext *ctx, const char *code, const char *message);
/* Throws for an errno value; `what` says what was tried. */
JSValue error_throw_errno(JSContext *ctx, int number, const char *what);
JSValue error_new_errno(JSContext *ctx, int number, const char *what);
/* "ENOENT" for ENOENT. Static storage. */
const char *error_name(int number);

/* --- bytes.c: Uint8Array -------------------------------------------------------------------------- */

struct bytes {
  const uint8_t *data; /* borrowed: valid until JavaScript runs again */
  size_t length;
};

/* False with an exception pending when `value` is not a typed array of bytes. */
bool bytes_get(JSContext *ctx, JSValueConst value, struct bytes *out);
/* As bytes_get, and the length must be exactly `length`. */
bool bytes_get_exact(JSContext *ctx, JSValueConst value, size_t length, struct bytes *out);
/* A new array with a copy. */
JSValue bytes_copy(JSContext *ctx, const void *data, size_t length);
/* A new array that takes over `data`, which came from malloc and is freed here even on failure. */
JSValue bytes_adopt(JSContext *ctx, uint8_t *data, size_t length);

/* --- deferred.c: a promise settled later from C ------------------------------------------------ */

struct deferred {
  JSValue resolve; /* owned; JS_UNDEFINED when no promise is pending */
  JSValue reject;
};

#define DEFERRED_NONE ((struct deferred){JS_UNDEFINED, JS_UNDEFINED})

/* Returns the new promise (owned by the caller), or JS_EXCEPTION. */
JSValue deferred_open(JSContext *ctx, struct deferred *deferred);
bool deferred_pending(const struct deferred *deferred);
/* Each settles once, empties the struct and takes over `value`. They run no JavaScript themselves. */
void deferred_resolve(JSContext *ctx, struct deferred *deferred, JSValue value);
void deferred_reject(JSContext *ctx, struct deferred *deferred, JSValue error);
/* Forgets the promise, which then never settles. */
void deferred_drop(JSRuntime *runtime, struct deferred *deferred);
void deferred_mark(JSRuntime *runtime, struct deferred *deferred, JS_MarkFunc *mark);

/* --- options.c: reading fields of an options object --------------------------------------------- */

/* Each is false with an exception pending when the field is absent or of the wrong type. */
bool option_int64(JSContext *ctx, JSValueConst object, const char *name, int64_t *out);
/* A copy from malloc that the caller frees. */
bool option_string(JSContext *ctx, JSValueConst object, const char *name, char **out);
/* Length of an array field. */
bool option_length(JSContext *ctx, JSValueConst array, uint32_t *out);

/* --- modules: each adds its part to `object` ------------------------------------------------------ */

void mod_timers_install(JSContext *ctx, JSValueConst global);
void mod_text_install(JSContext *ctx, JSValueConst global);
void mod_system_install(JSContext *ctx, JSValueConst host_object);
void mod_files_install(JSContext *ctx, JSValueConst host_object);
void mod_crypto_install(JSContext *ctx, JSValueConst host_object);
void mod_tls_install(JSContext *ctx, JSValueConst host_object);
void mod_sandbox_install(JSContext *ctx, JSValueConst host_object);
void mod_devices_install(JSContext *ctx, JSValueConst host_object);
void mod_local_install(JSContext *ctx, JSValueConst host_object);

/* Functions that the agent and a script step both have. */
JSValue system_random(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);
JSValue system_now(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);
JSValue system_exit(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);
JSValue system_write_out(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);
JSValue system_write_error(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);
JSValue system_environment(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);

#endif
