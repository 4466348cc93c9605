/* Where the process starts: which of the binary's three lives it leads. */

#include "host.h"
#include "modes.h"
#include "sandbox_spawn.h"
#include "update.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* Emitted by qjsc from src/main.ts. */
extern const uint8_t agent_bytecode[];
extern const uint32_t agent_bytecode_size;

/* More than the agent ever holds; a leak then ends in an error here, not in the kernel's OOM killer. */
static const size_t agent_memory_bytes_max = 64 * 1024 * 1024;

static int run_agent(int argc, char **argv) {
  int failure = sandbox_spawn_prepare();
  if (failure != 0) {
    fprintf(stderr, "cohort-agent: preparing for sandboxes: %s\n", strerror(failure));
    return 1;
  }
  host_open(argc, argv, agent_memory_bytes_max, NULL);
  JSContext *ctx = host.context;
  JSValue global = JS_GetGlobalObject(ctx);
  mod_timers_install(ctx, global);
  mod_text_install(ctx, global);
  JSValue object = JS_NewObject(ctx);
  mod_system_install(ctx, object);
  mod_files_install(ctx, object);
  mod_crypto_install(ctx, object);
  mod_tls_install(ctx, object);
  mod_sandbox_install(ctx, object);
  mod_devices_install(ctx, object);
  mod_local_install(ctx, object);
  JS_SetPropertyStr(ctx, global, "__host", object);
  JS_FreeValue(ctx, global);
  host_load(agent_bytecode, agent_bytecode_size);
  return host_run();
}

int main(int argc, char **argv) {
  if (sodium_init() < 0) {
    fputs("cohort-agent: no source of random bytes\n", stderr);
    return 1;
  }
  const char *mode = argc > 1 ? argv[1] : "";
  if (strcmp(mode, "--version") == 0) {
    puts(COHORT_VERSION);
    return 0;
  }
  if (strcmp(mode, "script") == 0) return script_main(argc, argv);
  if (strcmp(mode, sandbox_init_mode) == 0) return sandbox_init_main();
  if (strcmp(mode, "run") == 0) update_boot(argc, argv);
  return run_agent(argc, argv);
}
