/* SHA-256 of what comes in pieces. */

#include "hasher.h"

#include <sodium.h>
#include <stdlib.h>

static JSClassID class_id;

/* Owned by its JavaScript object. */
struct hasher {
  crypto_hash_sha256_state state;
  bool done;
};

static void finalize(JSRuntime *runtime, JSValue value) { free(JS_GetOpaque(value, class_id)); }

/* NULL with an exception pending when `self` is no hasher that goes on. */
static struct hasher *get_open(JSContext *ctx, JSValueConst self) {
  struct hasher *hasher = JS_GetOpaque2(ctx, self, class_id);
  if (hasher == NULL || !hasher->done) return hasher;
  error_throw(ctx, "CLOSED", "the digest has been taken");
  return NULL;
}

static JSValue update(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct bytes bytes;
  struct hasher *hasher = get_open(ctx, self);
  if (hasher == NULL || !bytes_get(ctx, argv[0], &bytes)) return JS_EXCEPTION;
  crypto_hash_sha256_update(&hasher->state, bytes.data, bytes.length);
  return JS_UNDEFINED;
}

static JSValue digest(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  uint8_t result[crypto_hash_sha256_BYTES];
  struct hasher *hasher = get_open(ctx, self);
  if (hasher == NULL) return JS_EXCEPTION;
  crypto_hash_sha256_final(&hasher->state, result);
  hasher->done = true;
  return bytes_copy(ctx, result, sizeof(result));
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("update", 1, update),
    JS_CFUNC_DEF("digest", 0, digest),
};

static const JSClassDef definition = {.class_name = "Hasher", .finalizer = finalize};

void hasher_register(JSContext *ctx) {
  JS_NewClassID(&class_id);
  JS_NewClass(JS_GetRuntime(ctx), class_id, &definition);
  JSValue prototype = JS_NewObject(ctx);
  JS_SetPropertyFunctionList(ctx, prototype, functions, countof(functions));
  JS_SetClassProto(ctx, class_id, prototype);
}

JSValue hasher_new(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct hasher *hasher = calloc(1, sizeof(*hasher));
  JSValue object = hasher == NULL ? JS_ThrowOutOfMemory(ctx) : JS_NewObjectClass(ctx, (int)class_id);
  if (JS_IsException(object)) {
    free(hasher);
    return object;
  }
  crypto_hash_sha256_init(&hasher->state);
  JS_SetOpaque(object, hasher);
  return object;
}
