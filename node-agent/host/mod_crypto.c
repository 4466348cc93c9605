/* `__host.crypto`, and the global crypto.getRandomValues that libraries look for. */

#include "hasher.h"
#include "host.h"

#include <sodium.h>
#include <stdlib.h>

static JSValue sha256(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct bytes input;
  uint8_t digest[crypto_hash_sha256_BYTES];
  if (!bytes_get(ctx, argv[0], &input)) return JS_EXCEPTION;
  crypto_hash_sha256(digest, input.data, input.length);
  return bytes_copy(ctx, digest, sizeof(digest));
}

/* Wipes the secret key, which JavaScript now has a copy of. */
static JSValue key_pair(JSContext *ctx, const uint8_t *public_key, size_t public_length,
                        uint8_t *secret_key, size_t secret_length) {
  JSValue pair = JS_NewObject(ctx);
  JS_SetPropertyStr(ctx, pair, "publicKey", bytes_copy(ctx, public_key, public_length));
  JS_SetPropertyStr(ctx, pair, "secretKey", bytes_copy(ctx, secret_key, secret_length));
  sodium_memzero(secret_key, secret_length);
  return pair;
}

static JSValue sign_key_pair(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct bytes seed;
  uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES];
  if (!bytes_get_exact(ctx, argv[0], crypto_sign_SEEDBYTES, &seed)) return JS_EXCEPTION;
  crypto_sign_seed_keypair(public_key, secret_key, seed.data);
  return key_pair(ctx, public_key, sizeof(public_key), secret_key, sizeof(secret_key));
}

static JSValue box_key_pair(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct bytes seed;
  uint8_t public_key[crypto_box_PUBLICKEYBYTES], secret_key[crypto_box_SECRETKEYBYTES];
  if (!bytes_get_exact(ctx, argv[0], crypto_box_SEEDBYTES, &seed)) return JS_EXCEPTION;
  crypto_box_seed_keypair(public_key, secret_key, seed.data);
  return key_pair(ctx, public_key, sizeof(public_key), secret_key, sizeof(secret_key));
}

static JSValue sign(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct bytes message, secret_key;
  uint8_t signature[crypto_sign_BYTES];
  if (!bytes_get(ctx, argv[0], &message)) return JS_EXCEPTION;
  if (!bytes_get_exact(ctx, argv[1], crypto_sign_SECRETKEYBYTES, &secret_key)) return JS_EXCEPTION;
  crypto_sign_detached(signature, NULL, message.data, message.length, secret_key.data);
  return bytes_copy(ctx, signature, sizeof(signature));
}

/* libsodium itself refuses a non-canonical S, and R or a public key of low order or not canonical. */
static JSValue verify(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct bytes message, signature, public_key;
  if (!bytes_get(ctx, argv[0], &message)) return JS_EXCEPTION;
  if (!bytes_get(ctx, argv[1], &signature)) return JS_EXCEPTION;
  if (!bytes_get(ctx, argv[2], &public_key)) return JS_EXCEPTION;
  if (signature.length != crypto_sign_BYTES) return JS_FALSE;
  if (public_key.length != crypto_sign_PUBLICKEYBYTES) return JS_FALSE;
  return JS_NewBool(ctx, crypto_sign_verify_detached(signature.data, message.data, message.length,
                                                     public_key.data) == 0);
}

static JSValue seal_open(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct bytes sealed, public_key, secret_key;
  if (!bytes_get(ctx, argv[0], &sealed)) return JS_EXCEPTION;
  if (!bytes_get_exact(ctx, argv[1], crypto_box_PUBLICKEYBYTES, &public_key)) return JS_EXCEPTION;
  if (!bytes_get_exact(ctx, argv[2], crypto_box_SECRETKEYBYTES, &secret_key)) return JS_EXCEPTION;
  if (sealed.length < crypto_box_SEALBYTES) return JS_NULL;
  size_t length = sealed.length - crypto_box_SEALBYTES;
  uint8_t *opened = malloc(length + 1);
  if (opened == NULL) return JS_ThrowOutOfMemory(ctx);
  int failed =
      crypto_box_seal_open(opened, sealed.data, sealed.length, public_key.data, secret_key.data);
  if (failed == 0) return bytes_adopt(ctx, opened, length);
  free(opened);
  return JS_NULL;
}

static JSValue get_random_values(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  size_t offset, length, width, whole;
  JSValue buffer = JS_GetTypedArrayBuffer(ctx, argv[0], &offset, &length, &width);
  if (JS_IsException(buffer)) return JS_EXCEPTION;
  uint8_t *data = JS_GetArrayBuffer(ctx, &whole, buffer);
  JS_FreeValue(ctx, buffer);
  if (data == NULL && whole != 0) return JS_EXCEPTION;
  if (data != NULL) randombytes_buf(data + offset, length);
  return JS_DupValue(ctx, argv[0]);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("sha256", 1, sha256),
    JS_CFUNC_DEF("hasher", 0, hasher_new),
    JS_CFUNC_DEF("signKeyPair", 1, sign_key_pair),
    JS_CFUNC_DEF("sign", 2, sign),
    JS_CFUNC_DEF("verify", 3, verify),
    JS_CFUNC_DEF("boxKeyPair", 1, box_key_pair),
    JS_CFUNC_DEF("sealOpen", 3, seal_open),
};

static const JSCFunctionListEntry global_functions[] = {
    JS_CFUNC_DEF("getRandomValues", 1, get_random_values),
};

static const JSCFunctionListEntry host_entries[] = {
    JS_OBJECT_DEF("crypto", functions, countof(functions), JS_PROP_C_W_E),
};

static const JSCFunctionListEntry global_entries[] = {
    JS_OBJECT_DEF("crypto", global_functions, countof(global_functions), JS_PROP_C_W_E),
};

void mod_crypto_install(JSContext *ctx, JSValueConst object) {
  hasher_register(ctx);
  JS_SetPropertyFunctionList(ctx, object, host_entries, countof(host_entries));
  JSValue global = JS_GetGlobalObject(ctx);
  JS_SetPropertyFunctionList(ctx, global, global_entries, countof(global_entries));
  JS_FreeValue(ctx, global);
}
