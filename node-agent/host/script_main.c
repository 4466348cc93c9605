/*
 * `cohort-agent script FILE`: a script step, in a process and a runtime of its own. It runs inside a
 * sandbox; what it can reach is decided there, not here. The global `__script` has this shape
 * (src/script/script-host.ts):
 *
 *   path: string                            FILE
 *   source(): string                        its text
 *   readFile(path): Uint8Array | null       a file of the working folder
 *   writeFile(path, bytes): void            and the folders above it
 *   listFiles(path): string[]
 *   removeFile(path): void
 *   writeOut(text), writeError(text): void
 *   environment(name): string | undefined
 *   now(): number                           integer ms since 1970
 *   connect(port): Promise<Socket>          to 127.0.0.1
 *   random(length): Uint8Array
 *   exhausted(): boolean                    whether the memory limit was ever reached
 *   exit(code): never
 *   evaluateModule(source, name): Promise<object>   the module's exports
 */

#include "host.h"
#include "modes.h"
#include "script_memory.h"
#include "small_file.h"
#include "socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Emitted by qjsc from src/script/main.ts. */
extern const uint8_t script_bytecode[];
extern const uint32_t script_bytecode_size;

static const size_t memory_bytes_default = 256 * 1024 * 1024;
static const time_t connect_seconds_max = 10;

static const char *script_path; /* borrowed from main */

static JSValue script_source(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  JSValue file = small_file_read(ctx, script_path);
  if (JS_IsException(file)) return file;
  if (JS_IsNull(file)) return error_throw_errno(ctx, ENOENT, script_path);
  struct bytes bytes;
  JSValue text = JS_EXCEPTION;
  if (bytes_get(ctx, file, &bytes)) text = JS_NewStringLen(ctx, (const char *)bytes.data, bytes.length);
  JS_FreeValue(ctx, file);
  return text;
}

static JSValue script_read(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  const char *name = JS_ToCString(ctx, argv[0]);
  if (name == NULL) return JS_EXCEPTION;
  JSValue result = small_file_read(ctx, name);
  JS_FreeCString(ctx, name);
  return result;
}

/* Makes the folders above the file; those that stand are no fault. 0 or an errno. */
static int make_folders(const char *name) {
  char path[PATH_MAX];
  if (strlen(name) >= sizeof(path)) return ENAMETOOLONG;
  strcpy(path, name);
  for (char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    if (slash == path) continue;
    *slash = '\0';
    if (mkdir(path, 0700) != 0 && errno != EEXIST) return errno;
    *slash = '/';
  }
  return 0;
}

static JSValue script_write(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct bytes bytes;
  if (!bytes_get(ctx, argv[1], &bytes)) return JS_EXCEPTION;
  const char *name = JS_ToCString(ctx, argv[0]);
  if (name == NULL) return JS_EXCEPTION;
  int failure = make_folders(name);
  if (failure == 0) failure = small_file_write(name, O_TRUNC, &bytes, 0600, false);
  JS_FreeCString(ctx, name);
  return failure == 0 ? JS_UNDEFINED : error_throw_errno(ctx, failure, "writing a file");
}

static JSValue script_list(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  const char *path = JS_ToCString(ctx, argv[0]);
  if (path == NULL) return JS_EXCEPTION;
  JSValue names = folder_list(ctx, path);
  JS_FreeCString(ctx, path);
  return names;
}

static JSValue script_remove(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  const char *path = JS_ToCString(ctx, argv[0]);
  if (path == NULL) return JS_EXCEPTION;
  int failure = remove(path) == 0 ? 0 : errno;
  JS_FreeCString(ctx, path);
  return failure == 0 ? JS_UNDEFINED : error_throw_errno(ctx, failure, "removing a file");
}

static JSValue script_exhausted(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  return JS_NewBool(ctx, script_memory_exhausted());
}

/* Blocking, as the loopback answers at once or not at all; a descriptor or -1 with errno. */
static int connect_loopback(uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  struct timeval limit = {.tv_sec = connect_seconds_max};
  int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  if (connect(descriptor, (struct sockaddr *)&address, sizeof(address)) == 0) return descriptor;
  int failure = errno;
  close(descriptor);
  errno = failure;
  return -1;
}

static JSValue script_connect(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  int32_t port;
  struct deferred deferred = DEFERRED_NONE;
  if (JS_ToInt32(ctx, &port, argv[0]) < 0) return JS_EXCEPTION;
  if (port < 1 || port > 65535) return JS_ThrowRangeError(ctx, "connect: the port is out of range");
  JSValue promise = deferred_open(ctx, &deferred);
  if (JS_IsException(promise)) return promise;
  int descriptor = connect_loopback((uint16_t)port);
  if (descriptor >= 0) deferred_resolve(ctx, &deferred, socket_new(ctx, descriptor, NULL, ""));
  else deferred_reject(ctx, &deferred, error_new_errno(ctx, errno, "connecting to 127.0.0.1"));
  return promise;
}

static JSValue give_namespace(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv, int magic,
                              JSValue *data) {
  return JS_DupValue(ctx, data[0]);
}

static JSValue evaluate_module(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  size_t length;
  const char *source = JS_ToCStringLen(ctx, &length, argv[0]);
  const char *name = JS_ToCString(ctx, argv[1]);
  JSValue module = JS_EXCEPTION;
  int flags = JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY;
  if (source != NULL && name != NULL) module = JS_Eval(ctx, source, length, name, flags);
  if (source != NULL) JS_FreeCString(ctx, source);
  if (name != NULL) JS_FreeCString(ctx, name);
  if (JS_IsException(module)) return module;
  JSModuleDef *definition = JS_VALUE_GET_PTR(module);
  JSValue evaluated = JS_EvalFunction(ctx, module);
  if (JS_IsException(evaluated)) return evaluated;
  JSValue exports = JS_GetModuleNamespace(ctx, definition);
  JSValue give = JS_NewCFunctionData(ctx, give_namespace, 0, 0, 1, &exports);
  JSAtom then = JS_NewAtom(ctx, "then");
  JSValue promise = JS_Invoke(ctx, evaluated, then, 1, &give);
  JS_FreeAtom(ctx, then);
  JS_FreeValue(ctx, give);
  JS_FreeValue(ctx, exports);
  JS_FreeValue(ctx, evaluated);
  return promise;
}

/* A step is one text; what it needs comes through `__script`. */
static JSModuleDef *refuse_import(JSContext *ctx, const char *name, void *opaque) {
  JS_ThrowReferenceError(ctx, "a script step cannot import \"%s\": it has no modules", name);
  return NULL;
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("source", 0, script_source),
    JS_CFUNC_DEF("readFile", 1, script_read),
    JS_CFUNC_DEF("writeFile", 2, script_write),
    JS_CFUNC_DEF("listFiles", 1, script_list),
    JS_CFUNC_DEF("removeFile", 1, script_remove),
    JS_CFUNC_DEF("writeOut", 1, system_write_out),
    JS_CFUNC_DEF("writeError", 1, system_write_error),
    JS_CFUNC_DEF("environment", 1, system_environment),
    JS_CFUNC_DEF("now", 0, system_now),
    JS_CFUNC_DEF("connect", 1, script_connect),
    JS_CFUNC_DEF("random", 1, system_random),
    JS_CFUNC_DEF("exhausted", 0, script_exhausted),
    JS_CFUNC_DEF("exit", 1, system_exit),
    JS_CFUNC_DEF("evaluateModule", 2, evaluate_module),
};

/* A limit below the sandbox's own gives the script an error that it can report. */
static size_t memory_limit(void) {
  const char *given = getenv("COHORT_SCRIPT_MEMORY");
  unsigned long long bytes = given == NULL ? 0 : strtoull(given, NULL, 10);
  if (bytes > 0) return (size_t)bytes;
  struct rlimit limit;
  if (getrlimit(RLIMIT_DATA, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return memory_bytes_default;
  return (size_t)(limit.rlim_cur / 4 * 3);
}

int script_main(int argc, char **argv) {
  if (argc != 3) {
    fputs("usage: cohort-agent script FILE\n", stderr);
    return 2;
  }
  script_path = argv[2];
  host_open(argc, argv, memory_limit(), &script_memory);
  JSContext *ctx = host.context;
  JS_SetModuleLoaderFunc(host.runtime, NULL, refuse_import, NULL);
  JSValue global = JS_GetGlobalObject(ctx);
  mod_timers_install(ctx, global);
  mod_text_install(ctx, global);
  socket_register(ctx);
  JSValue object = JS_NewObject(ctx);
  JS_SetPropertyFunctionList(ctx, object, functions, countof(functions));
  JS_SetPropertyStr(ctx, object, "path", JS_NewString(ctx, script_path));
  JS_SetPropertyStr(ctx, global, "__script", object);
  JS_FreeValue(ctx, global);
  host_load(script_bytecode, script_bytecode_size);
  return host_run();
}
