/* HostError: an Error whose `code` is an errno name or one of the codes in src/host.ts. */

#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

JSValue error_new(JSContext *ctx, const char *code, const char *message) {
  JSValue error = JS_NewError(ctx);
  if (JS_IsException(error)) return error;
  int flags = JS_PROP_CONFIGURABLE | JS_PROP_WRITABLE;
  JS_DefinePropertyValueStr(ctx, error, "name", JS_NewString(ctx, "HostError"), flags);
  JS_DefinePropertyValueStr(ctx, error, "message", JS_NewString(ctx, message), flags);
  JS_DefinePropertyValueStr(ctx, error, "code", JS_NewString(ctx, code), flags | JS_PROP_ENUMERABLE);
  return error;
}

JSValue error_throw(JSContext *ctx, const char *code, const char *message) {
  JSValue error = error_new(ctx, code, message);
  return JS_IsException(error) ? error : JS_Throw(ctx, error);
}

JSValue error_new_errno(JSContext *ctx, int number, const char *what) {
  char message[512];
  snprintf(message, sizeof(message), "%s: %s", what, strerror(number));
  return error_new(ctx, error_name(number), message);
}

JSValue error_throw_errno(JSContext *ctx, int number, const char *what) {
  JSValue error = error_new_errno(ctx, number, what);
  return JS_IsException(error) ? error : JS_Throw(ctx, error);
}

const char *error_name(int number) {
  /* libuv's error numbers on Linux are the negated errno values. */
  const char *name = uv_err_name(-number);
  if (name[0] == 'E') return name;
  /* libuv names only what it may return itself. */
  switch (number) {
    case EDEADLK: return "EDEADLK";
    case ENOSPC: return "ENOSPC";
    case EKEYREJECTED: return "EKEYREJECTED";
    default: return "EUNKNOWN";
  }
}
