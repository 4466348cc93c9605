/* The agent's TypeScript in its own host, given one input after the other. */

#include "fuzz.h"
#include "host.h"

#include <stdio.h>
#include <stdlib.h>

/* Emitted by qjsc from targets.ts. */
extern const uint8_t agent_bytecode[];
extern const uint32_t agent_bytecode_size;

/* As the agent has. */
static const size_t memory_bytes_max = 64 * 1024 * 1024;

/* The function that takes an input; owned until the process ends. */
static JSValue function = JS_UNDEFINED;

void fuzz_script_open(const char *target) {
  static char *arguments[] = {"cohort-fuzz", NULL};
  host_open(1, arguments, memory_bytes_max, NULL);
  JSContext *ctx = host.context;
  JSValue global = JS_GetGlobalObject(ctx);
  mod_timers_install(ctx, global);
  mod_text_install(ctx, global);
  JSValue object = JS_NewObject(ctx);
  mod_system_install(ctx, object);
  mod_crypto_install(ctx, object);
  JS_SetPropertyStr(ctx, global, "__host", object);
  JS_SetPropertyStr(ctx, global, "__planted", JS_NewBool(ctx, fuzz_planted));
  host_load(agent_bytecode, agent_bytecode_size);
  host_pump();
  JSValue targets = JS_GetPropertyStr(ctx, global, "__targets");
  function = JS_GetPropertyStr(ctx, targets, target);
  JS_FreeValue(ctx, targets);
  JS_FreeValue(ctx, global);
  if (JS_IsFunction(ctx, function)) return;
  fprintf(stderr, "there is no target %s\n", target);
  exit(2);
}

static void fail(JSValue error) {
  host_print_error(error);
  fuzz_fail("an exception");
}

void fuzz_script(const uint8_t *data, size_t size) {
  JSContext *ctx = host.context;
  JSValue input = bytes_copy(ctx, data, size);
  JSValue result = JS_Call(ctx, function, JS_UNDEFINED, 1, &input);
  JS_FreeValue(ctx, input);
  if (JS_IsException(result)) fail(JS_GetException(ctx));
  /* A rejection that nobody handles ends the process here. */
  host_pump();
  if (JS_PromiseState(ctx, result) == JS_PROMISE_PENDING) fuzz_fail("a wait without end");
  JS_FreeValue(ctx, result);
}
