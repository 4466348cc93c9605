/* Fields of an options object, as the native functions that take one read them. */

#include "host.h"

#include <stdlib.h>
#include <string.h>

bool option_int64(JSContext *ctx, JSValueConst object, const char *name, int64_t *out) {
  JSValue value = JS_GetPropertyStr(ctx, object, name);
  if (JS_IsException(value)) return false;
  if (!JS_IsNumber(value)) {
    JS_FreeValue(ctx, value);
    JS_ThrowTypeError(ctx, "%s is not a number", name);
    return false;
  }
  int failed = JS_ToInt64(ctx, out, value);
  JS_FreeValue(ctx, value);
  return failed == 0;
}

bool option_string(JSContext *ctx, JSValueConst object, const char *name, char **out) {
  JSValue value = JS_GetPropertyStr(ctx, object, name);
  if (JS_IsException(value)) return false;
  size_t length;
  const char *text = JS_IsString(value) ? JS_ToCStringLen(ctx, &length, value) : NULL;
  JS_FreeValue(ctx, value);
  if (text == NULL) {
    if (!JS_HasException(ctx)) JS_ThrowTypeError(ctx, "%s is not a string", name);
    return false;
  }
  /* A zero byte would make C see another text than JavaScript checked. */
  bool whole = strlen(text) == length;
  *out = whole ? strdup(text) : NULL;
  JS_FreeCString(ctx, text);
  if (*out != NULL) return true;
  if (whole) JS_ThrowOutOfMemory(ctx);
  else JS_ThrowTypeError(ctx, "%s contains a zero byte", name);
  return false;
}

bool option_length(JSContext *ctx, JSValueConst array, uint32_t *out) {
  int64_t length;
  if (!option_int64(ctx, array, "length", &length)) return false;
  if (length < 0 || length > UINT32_MAX) {
    JS_ThrowRangeError(ctx, "an impossible length");
    return false;
  }
  *out = (uint32_t)length;
  return true;
}
