/* TextEncoder, TextDecoder (UTF-8 alone), atob and btoa. */

#include "host.h"
#include "utf8.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static JSClassID encoder_class_id;
static JSClassID decoder_class_id;

/* Owned by its JavaScript object. */
struct decoder {
  bool fatal;
  bool ignore_bom;
  bool bom_seen; /* of the stream being decoded */
  uint8_t pending[4]; /* start of a sequence that the last chunk cut off */
  size_t pending_length;
};

static JSValue encoder_construct(JSContext *ctx, JSValueConst target, int argc, JSValueConst *argv) {
  return JS_NewObjectClass(ctx, (int)encoder_class_id);
}

static JSValue encode(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  if (argc == 0 || JS_IsUndefined(argv[0])) return bytes_copy(ctx, NULL, 0);
  size_t length;
  const char *text = JS_ToCStringLen(ctx, &length, argv[0]);
  if (text == NULL) return JS_EXCEPTION;
  uint8_t *data = malloc(length + 1);
  if (data == NULL) {
    JS_FreeCString(ctx, text);
    return JS_ThrowOutOfMemory(ctx);
  }
  memcpy(data, text, length);
  JS_FreeCString(ctx, text);
  /* QuickJS writes a lone surrogate as three bytes ED A0..BF xx; U+FFFD has three bytes as well. */
  for (uint8_t *at = data; (at = memchr(at, 0xed, length - (size_t)(at - data))) != NULL; at++) {
    if (at + 2 < data + length && at[1] >= 0xa0) memcpy(at, "\xef\xbf\xbd", 3);
  }
  return bytes_adopt(ctx, data, length);
}

static JSValue get_encoding(JSContext *ctx, JSValueConst self) { return JS_NewString(ctx, "utf-8"); }

static void decoder_finalize(JSRuntime *runtime, JSValue value) {
  free(JS_GetOpaque(value, decoder_class_id));
}

/* An absent options object or field means false; -1 with an exception pending. */
static int read_flag(JSContext *ctx, JSValueConst options, const char *name) {
  if (!JS_IsObject(options)) return 0;
  JSValue value = JS_GetPropertyStr(ctx, options, name);
  if (JS_IsException(value)) return -1;
  int flag = JS_ToBool(ctx, value);
  JS_FreeValue(ctx, value);
  return flag;
}

static bool names_utf8(const char *label) {
  return strcasecmp(label, "utf-8") == 0 || strcasecmp(label, "utf8") == 0;
}

static JSValue decoder_construct(JSContext *ctx, JSValueConst target, int argc, JSValueConst *argv) {
  JSValueConst label = argc > 0 ? argv[0] : JS_UNDEFINED;
  JSValueConst options = argc > 1 ? argv[1] : JS_UNDEFINED;
  if (!JS_IsUndefined(label)) {
    const char *name = JS_ToCString(ctx, label);
    if (name == NULL) return JS_EXCEPTION;
    bool known = names_utf8(name);
    JS_FreeCString(ctx, name);
    if (!known) return JS_ThrowRangeError(ctx, "only utf-8 is known here");
  }
  int fatal = read_flag(ctx, options, "fatal");
  int ignore_bom = read_flag(ctx, options, "ignoreBOM");
  if (fatal < 0 || ignore_bom < 0) return JS_EXCEPTION;
  struct decoder *decoder = calloc(1, sizeof(*decoder));
  if (decoder == NULL) return JS_ThrowOutOfMemory(ctx);
  JSValue object = JS_NewObjectClass(ctx, (int)decoder_class_id);
  if (JS_IsException(object)) {
    free(decoder);
    return object;
  }
  decoder->fatal = fatal;
  decoder->ignore_bom = ignore_bom;
  JS_SetOpaque(object, decoder);
  return object;
}

/*
 * Copies valid text to `out`, which holds three times `length`, and returns its length. Stops at a
 * sequence that the end cuts off and stores where; -1 when `fatal` and something is malformed.
 */
static ssize_t sanitize(const uint8_t *data, size_t length, bool fatal, uint8_t *out, size_t *used) {
  size_t written = 0, at = 0;
  while (at < length) {
    int sequence = utf8_sequence(data + at, length - at);
    if (sequence == 0) break;
    if (sequence > 0) {
      memcpy(out + written, data + at, (size_t)sequence);
      written += (size_t)sequence;
      at += (size_t)sequence;
      continue;
    }
    if (fatal) return -1;
    memcpy(out + written, "\xef\xbf\xbd", 3);
    written += 3;
    at += (size_t)-sequence;
  }
  *used = at;
  return (ssize_t)written;
}

/* Text out of pending bytes and input together; keeps what a stream's next chunk must complete. */
static JSValue decode_bytes(JSContext *ctx, struct decoder *decoder, struct bytes input, bool stream) {
  size_t length = decoder->pending_length + input.length;
  uint8_t *joined = malloc(length * 4 + 8);
  if (joined == NULL) return JS_ThrowOutOfMemory(ctx);
  uint8_t *out = joined + length;
  memcpy(joined, decoder->pending, decoder->pending_length);
  memcpy(joined + decoder->pending_length, input.data, input.length);
  decoder->pending_length = 0;
  size_t used = 0;
  ssize_t written = sanitize(joined, length, decoder->fatal, out, &used);
  if (written >= 0 && used < length) {
    if (stream) {
      decoder->pending_length = length - used;
      memcpy(decoder->pending, joined + used, length - used);
    } else if (decoder->fatal) {
      written = -1;
    } else {
      memcpy(out + written, "\xef\xbf\xbd", 3);
      written += 3;
    }
  }
  JSValue text = JS_EXCEPTION;
  if (written < 0) {
    decoder->bom_seen = false;
    JS_ThrowTypeError(ctx, "the bytes are not valid utf-8");
  } else {
    size_t skip = 0;
    if (!decoder->bom_seen && !decoder->ignore_bom && written >= 3) {
      skip = memcmp(out, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    }
    decoder->bom_seen = stream && (decoder->bom_seen || written > 0);
    text = JS_NewStringLen(ctx, (const char *)out + skip, (size_t)written - skip);
  }
  free(joined);
  return text;
}

static JSValue decode(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct decoder *decoder = JS_GetOpaque2(ctx, self, decoder_class_id);
  if (decoder == NULL) return JS_EXCEPTION;
  int stream = read_flag(ctx, argc > 1 ? argv[1] : JS_UNDEFINED, "stream");
  if (stream < 0) return JS_EXCEPTION;
  struct bytes input = {(const uint8_t *)"", 0};
  if (argc > 0 && !JS_IsUndefined(argv[0]) && !bytes_get(ctx, argv[0], &input)) return JS_EXCEPTION;
  return decode_bytes(ctx, decoder, input, stream);
}

/* Code units above 0xFF have no byte; the pair of calls carries bytes, not text. */
static JSValue to_base64(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  size_t length, count = 0;
  const char *text = JS_ToCStringLen(ctx, &length, argv[0]);
  if (text == NULL) return JS_EXCEPTION;
  size_t capacity = sodium_base64_encoded_len(length, sodium_base64_VARIANT_ORIGINAL);
  uint8_t *data = malloc(length + capacity);
  bool fits = data != NULL;
  for (size_t i = 0; fits && i < length; i++) {
    uint8_t unit = (uint8_t)text[i];
    if (unit < 0x80) data[count++] = unit;
    else if (unit <= 0xc3) data[count++] = (uint8_t)(unit << 6 | ((uint8_t)text[++i] & 0x3f));
    else fits = false;
  }
  JS_FreeCString(ctx, text);
  JSValue result = JS_EXCEPTION;
  if (data == NULL) JS_ThrowOutOfMemory(ctx);
  else if (!fits) JS_ThrowRangeError(ctx, "btoa: a character above U+00FF");
  else {
    char *encoded = (char *)data + length;
    sodium_bin2base64(encoded, capacity, data, count, sodium_base64_VARIANT_ORIGINAL);
    result = JS_NewString(ctx, encoded);
  }
  free(data);
  return result;
}

static JSValue from_base64(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  size_t length, kept = 0, count;
  const char *text = JS_ToCStringLen(ctx, &length, argv[0]);
  if (text == NULL) return JS_EXCEPTION;
  /* One block: the text without white space, then the bytes, then those bytes as UTF-8. */
  char *stripped = malloc(length * 4 + 4);
  if (stripped == NULL) {
    JS_FreeCString(ctx, text);
    return JS_ThrowOutOfMemory(ctx);
  }
  for (size_t i = 0; i < length; i++) {
    if (memchr(" \t\n\f\r", text[i], 5) == NULL) stripped[kept++] = text[i];
  }
  JS_FreeCString(ctx, text);
  for (int i = 0; i < 2 && kept > 0 && stripped[kept - 1] == '='; i++) kept--;
  uint8_t *data = (uint8_t *)stripped + length;
  JSValue result;
  if (sodium_base642bin(data, length, stripped, kept, NULL, &count, NULL,
                        sodium_base64_VARIANT_ORIGINAL_NO_PADDING) != 0) {
    result = JS_ThrowSyntaxError(ctx, "atob: the text is not base64");
  } else {
    char *out = (char *)data + length;
    size_t written = 0;
    for (size_t i = 0; i < count; i++) {
      if (data[i] >= 0x80) out[written++] = (char)(0xc0 | data[i] >> 6);
      out[written++] = (char)(data[i] < 0x80 ? data[i] : 0x80 | (data[i] & 0x3f));
    }
    result = JS_NewStringLen(ctx, out, written);
  }
  free(stripped);
  return result;
}

static const JSCFunctionListEntry encoder_functions[] = {
    JS_CGETSET_DEF("encoding", get_encoding, NULL),
    JS_CFUNC_DEF("encode", 1, encode),
};

static const JSCFunctionListEntry decoder_functions[] = {
    JS_CGETSET_DEF("encoding", get_encoding, NULL),
    JS_CFUNC_DEF("decode", 2, decode),
};

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("atob", 1, from_base64),
    JS_CFUNC_DEF("btoa", 1, to_base64),
};

static const JSClassDef encoder_definition = {.class_name = "TextEncoder"};
static const JSClassDef decoder_definition = {.class_name = "TextDecoder", .finalizer = decoder_finalize};

static void install_class(JSContext *ctx, JSValueConst global, JSClassID *id, const JSClassDef *definition,
                          JSCFunction *construct, const JSCFunctionListEntry *list, int count) {
  JS_NewClassID(id);
  JS_NewClass(JS_GetRuntime(ctx), *id, definition);
  JSValue prototype = JS_NewObject(ctx);
  JS_SetPropertyFunctionList(ctx, prototype, list, count);
  const char *name = definition->class_name;
  JSValue constructor = JS_NewCFunction2(ctx, construct, name, 0, JS_CFUNC_constructor, 0);
  JS_SetConstructor(ctx, constructor, prototype);
  JS_SetClassProto(ctx, *id, prototype);
  JS_SetPropertyStr(ctx, global, name, constructor);
}

void mod_text_install(JSContext *ctx, JSValueConst global) {
  install_class(ctx, global, &encoder_class_id, &encoder_definition, encoder_construct,
                encoder_functions, countof(encoder_functions));
  install_class(ctx, global, &decoder_class_id, &decoder_definition, decoder_construct,
                decoder_functions, countof(decoder_functions));
  JS_SetPropertyFunctionList(ctx, global, functions, countof(functions));
}
