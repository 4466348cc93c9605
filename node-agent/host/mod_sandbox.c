/* `__host.sandbox`. */

#include "host.h"
#include "sandbox_options.h"
#include "sandbox_probe.h"
#include "sandbox_process.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static JSValue probe(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  const struct feature *features = sandbox_probe();
  JSValue list = JS_NewArray(ctx);
  for (uint32_t i = 0; i < features_count; i++) {
    JSValue entry = JS_NewObject(ctx);
    JS_SetPropertyStr(ctx, entry, "name", JS_NewString(ctx, features[i].name));
    JS_SetPropertyStr(ctx, entry, "available", JS_NewBool(ctx, features[i].available));
    JS_SetPropertyStr(ctx, entry, "reason", JS_NewString(ctx, features[i].reason));
    JS_SetPropertyUint32(ctx, list, i, entry);
  }
  JSValue result = JS_NewObject(ctx);
  JS_SetPropertyStr(ctx, result, "level", JS_NewString(ctx, sandbox_level()));
  JS_SetPropertyStr(ctx, result, "features", list);
  return result;
}

static JSValue start(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct sandbox_limits limits;
  struct spawned spawned;
  char what[160];
  if (strcmp(sandbox_level(), "refused") == 0) {
    return error_throw_errno(ctx, ENOTSUP, "this kernel cannot hold a sandbox; see probe()");
  }
  bool use_cgroup = sandbox_has_cgroup();
  int spec = sandbox_options_read(ctx, argv[0], use_cgroup, &limits);
  if (spec < 0) return JS_EXCEPTION;
  int failure = sandbox_spawn(spec, &limits, use_cgroup, &spawned, what, sizeof(what));
  close(spec);
  if (failure != 0) return error_throw_errno(ctx, failure, what);
  return sandbox_process_new(ctx, &spawned);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("probe", 0, probe),
    JS_CFUNC_DEF("start", 1, start),
};

static const JSCFunctionListEntry host_entries[] = {
    JS_OBJECT_DEF("sandbox", functions, countof(functions), JS_PROP_C_W_E),
};

void mod_sandbox_install(JSContext *ctx, JSValueConst object) {
  sandbox_process_register(ctx);
  JS_SetPropertyFunctionList(ctx, object, host_entries, countof(host_entries));
}
