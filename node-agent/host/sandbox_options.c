/* Reading a SandboxSpec out of JavaScript. */

#include "sandbox_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { strings_max = 4096, files_max = 1024 };

static bool fail(JSContext *ctx, const char *what) {
  JS_ThrowRangeError(ctx, "sandbox: %s", what);
  return false;
}

static bool read_positive(JSContext *ctx, JSValueConst object, const char *name, uint64_t max,
                          uint64_t *out) {
  int64_t value;
  if (!option_int64(ctx, object, name, &value)) return false;
  if (value < 1 || (uint64_t)value > max) return fail(ctx, name);
  *out = (uint64_t)value;
  return true;
}

static bool read_limits(JSContext *ctx, JSValueConst options, struct sandbox_limits *limits) {
  JSValue object = JS_GetPropertyStr(ctx, options, "limits");
  uint64_t pids = 0, open_files = 0;
  bool read = read_positive(ctx, object, "memoryBytes", INT64_MAX, &limits->memory_bytes) &&
              read_positive(ctx, object, "diskBytes", INT64_MAX, &limits->disk_bytes) &&
              read_positive(ctx, object, "cpuMs", INT64_MAX / 1000, &limits->cpu_ms) &&
              read_positive(ctx, object, "pids", 1u << 22, &pids) &&
              read_positive(ctx, object, "openFiles", 1u << 20, &open_files);
  JS_FreeValue(ctx, object);
  limits->pids = (uint32_t)pids;
  limits->open_files = (uint32_t)open_files;
  return read;
}

static bool write_string(JSContext *ctx, FILE *out, JSValueConst value) {
  size_t length;
  const char *text = JS_IsString(value) ? JS_ToCStringLen(ctx, &length, value) : NULL;
  if (text == NULL) return fail(ctx, "a string is missing");
  bool whole = strlen(text) == length && length <= UINT32_MAX;
  if (whole) spec_write_blob(out, text, (uint32_t)length);
  JS_FreeCString(ctx, text);
  return whole ? true : fail(ctx, "a string contains a zero byte");
}

static bool write_strings(JSContext *ctx, FILE *out, JSValueConst options, const char *name) {
  JSValue array = JS_GetPropertyStr(ctx, options, name);
  uint32_t count;
  bool written = option_length(ctx, array, &count);
  if (written && count > strings_max) written = fail(ctx, name);
  if (written) spec_write_count(out, count);
  for (uint32_t i = 0; written && i < count; i++) {
    JSValue value = JS_GetPropertyUint32(ctx, array, i);
    written = write_string(ctx, out, value);
    JS_FreeValue(ctx, value);
  }
  JS_FreeValue(ctx, array);
  return written;
}

/* One variable as NAME=VALUE. */
static bool write_variable(JSContext *ctx, FILE *out, JSValueConst object, JSAtom name) {
  JSValue value = JS_GetProperty(ctx, object, name);
  const char *key = JS_AtomToCString(ctx, name);
  const char *text = JS_ToCString(ctx, value);
  char *line = NULL;
  int length = key == NULL || text == NULL ? -1 : asprintf(&line, "%s=%s", key, text);
  if (length >= 0) spec_write_blob(out, line, (uint32_t)length);
  free(line);
  if (key != NULL) JS_FreeCString(ctx, key);
  if (text != NULL) JS_FreeCString(ctx, text);
  JS_FreeValue(ctx, value);
  return length >= 0 ? true : fail(ctx, "environment");
}

static bool write_environment(JSContext *ctx, FILE *out, JSValueConst options) {
  JSValue object = JS_GetPropertyStr(ctx, options, "environment");
  JSPropertyEnum *names = NULL;
  uint32_t count = 0;
  int flags = JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY;
  bool written = JS_IsObject(object) ? JS_GetOwnPropertyNames(ctx, &names, &count, object, flags) == 0
                                     : fail(ctx, "environment");
  if (written && count > strings_max) written = fail(ctx, "environment");
  if (written) spec_write_count(out, count);
  for (uint32_t i = 0; i < count; i++) {
    written = written && write_variable(ctx, out, object, names[i].atom);
    JS_FreeAtom(ctx, names[i].atom);
  }
  js_free(ctx, names);
  JS_FreeValue(ctx, object);
  return written;
}

static bool write_file(JSContext *ctx, FILE *out, JSValueConst file) {
  struct bytes bytes;
  JSValue name = JS_GetPropertyStr(ctx, file, "name");
  JSValue data = JS_GetPropertyStr(ctx, file, "bytes");
  bool written = write_string(ctx, out, name) && bytes_get(ctx, data, &bytes);
  if (written && bytes.length > UINT32_MAX) written = fail(ctx, "a file is too large");
  if (written) spec_write_blob(out, bytes.data, (uint32_t)bytes.length);
  JS_FreeValue(ctx, name);
  JS_FreeValue(ctx, data);
  return written;
}

static bool write_files(JSContext *ctx, FILE *out, JSValueConst options) {
  JSValue array = JS_GetPropertyStr(ctx, options, "files");
  uint32_t count;
  bool written = option_length(ctx, array, &count);
  if (written && count > files_max) written = fail(ctx, "files");
  if (written) spec_write_count(out, count);
  for (uint32_t i = 0; written && i < count; i++) {
    JSValue file = JS_GetPropertyUint32(ctx, array, i);
    written = write_file(ctx, out, file);
    JS_FreeValue(ctx, file);
  }
  JS_FreeValue(ctx, array);
  return written;
}

int sandbox_options_read(JSContext *ctx, JSValueConst options, bool counted,
                         struct sandbox_limits *limits) {
  struct sandbox_spec spec = {.counted = counted};
  int64_t port;
  if (!option_int64(ctx, options, "listenPort", &port)) return -1;
  if (port < 0 || port > 65535) return fail(ctx, "listenPort"), -1;
  if (!read_limits(ctx, options, limits)) return -1;
  spec.limits = *limits;
  spec.listen_port = (uint32_t)port;
  JSValue held = JS_GetPropertyStr(ctx, options, "held");
  spec.held = JS_ToBool(ctx, held) == 1;
  JS_FreeValue(ctx, held);
  int descriptor = memfd_create("cohort-step", MFD_CLOEXEC);
  int duplicate = descriptor < 0 ? -1 : dup(descriptor);
  FILE *out = duplicate < 0 ? NULL : fdopen(duplicate, "w");
  bool written = out != NULL;
  if (!written) error_throw_errno(ctx, errno, "sandbox: writing the spec");
  if (written) spec_write_header(out, &spec);
  written = written && write_strings(ctx, out, options, "argv") && write_environment(ctx, out, options) &&
            write_strings(ctx, out, options, "readOnly") && write_files(ctx, out, options);
  if (out != NULL && fclose(out) != 0 && written) {
    error_throw_errno(ctx, errno, "sandbox: writing the spec");
    written = false;
  }
  if (written) return descriptor;
  if (out == NULL && duplicate >= 0) close(duplicate);
  if (descriptor >= 0) close(descriptor);
  return -1;
}
