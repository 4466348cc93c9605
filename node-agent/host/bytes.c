/* Uint8Array in and out. */

#include "host.h"

#include <stdlib.h>

bool bytes_get(JSContext *ctx, JSValueConst value, struct bytes *out) {
  size_t offset, length, width, whole;
  JSValue buffer = JS_GetTypedArrayBuffer(ctx, value, &offset, &length, &width);
  if (JS_IsException(buffer)) return false;
  uint8_t *data = JS_GetArrayBuffer(ctx, &whole, buffer);
  /* The array itself keeps the buffer alive. */
  JS_FreeValue(ctx, buffer);
  if (data == NULL && whole != 0) return false;
  if (width != 1) {
    JS_ThrowTypeError(ctx, "not a Uint8Array");
    return false;
  }
  static const uint8_t nothing[1];
  out->data = data == NULL ? nothing : data + offset;
  out->length = data == NULL ? 0 : length;
  return true;
}

bool bytes_get_exact(JSContext *ctx, JSValueConst value, size_t length, struct bytes *out) {
  if (!bytes_get(ctx, value, out)) return false;
  if (out->length == length) return true;
  JS_ThrowRangeError(ctx, "%u bytes where %u are needed", (unsigned)out->length, (unsigned)length);
  return false;
}

static JSValue array_over(JSContext *ctx, JSValue buffer) {
  if (JS_IsException(buffer)) return buffer;
  /* The constructor looks at offset and length too, whatever the count says. */
  JSValueConst arguments[] = {buffer, JS_UNDEFINED, JS_UNDEFINED};
  JSValue array = JS_NewTypedArray(ctx, countof(arguments), arguments, JS_TYPED_ARRAY_UINT8);
  JS_FreeValue(ctx, buffer);
  return array;
}

JSValue bytes_copy(JSContext *ctx, const void *data, size_t length) {
  return array_over(ctx, JS_NewArrayBufferCopy(ctx, data, length));
}

static void free_adopted(JSRuntime *runtime, void *opaque, void *data) { free(data); }

JSValue bytes_adopt(JSContext *ctx, uint8_t *data, size_t length) {
  JSValue buffer = JS_NewArrayBuffer(ctx, data, length, free_adopted, NULL, false);
  if (JS_IsException(buffer)) {
    free(data);
    return buffer;
  }
  return array_over(ctx, buffer);
}
