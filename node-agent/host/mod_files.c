/* `__host.files`: small files, synchronously. Append files are in append_file.c. */

#include "append_file.h"
#include "host.h"
#include "small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static JSValue throw_for(JSContext *ctx, int number, const char *what, const char *path) {
  char message[PATH_MAX + 32];
  snprintf(message, sizeof(message), "%s %s", what, path);
  JSValue thrown = error_throw_errno(ctx, number, message);
  JS_FreeCString(ctx, path);
  return thrown;
}

static JSValue file_read(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  const char *path = JS_ToCString(ctx, argv[0]);
  if (path == NULL) return JS_EXCEPTION;
  JSValue result = small_file_read(ctx, path);
  JS_FreeCString(ctx, path);
  return result;
}

/* 0 or an errno. A rename is durable only when its folder is synced too. */
static int sync_folder_of(const char *path) {
  char folder[PATH_MAX];
  const char *slash = strrchr(path, '/');
  size_t length = slash == NULL ? 0 : (size_t)(slash - path);
  if (slash == NULL) strcpy(folder, ".");
  else if (length == 0) strcpy(folder, "/");
  else snprintf(folder, sizeof(folder), "%.*s", (int)length, path);
  int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return errno;
  int failure = fsync(descriptor) == 0 ? 0 : errno;
  close(descriptor);
  return failure;
}

static JSValue file_write_atomic(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct bytes bytes;
  int32_t mode;
  char temporary[PATH_MAX];
  const char *path = JS_ToCString(ctx, argv[0]);
  if (path == NULL) return JS_EXCEPTION;
  if (JS_ToInt32(ctx, &mode, argv[2]) < 0 || !bytes_get(ctx, argv[1], &bytes)) {
    JS_FreeCString(ctx, path);
    return JS_EXCEPTION;
  }
  int length = snprintf(temporary, sizeof(temporary), "%s.%d.tmp", path, (int)getpid());
  if ((size_t)length >= sizeof(temporary)) return throw_for(ctx, ENAMETOOLONG, "writing", path);
  /* Left by an earlier process of the same number that died in between. */
  unlink(temporary);
  int flags = O_EXCL | O_NOFOLLOW;
  int failure = small_file_write(temporary, flags, &bytes, (mode_t)mode & 07777, true);
  if (failure == 0 && rename(temporary, path) != 0) failure = errno;
  if (failure != 0) unlink(temporary);
  else failure = sync_folder_of(path);
  if (failure != 0) return throw_for(ctx, failure, "writing", path);
  JS_FreeCString(ctx, path);
  return JS_UNDEFINED;
}

static JSValue file_remove(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  const char *path = JS_ToCString(ctx, argv[0]);
  if (path == NULL) return JS_EXCEPTION;
  if (unlink(path) != 0) return throw_for(ctx, errno, "removing", path);
  JS_FreeCString(ctx, path);
  return JS_UNDEFINED;
}

static JSValue make_directory(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  char path[PATH_MAX];
  int32_t mode;
  if (JS_ToInt32(ctx, &mode, argv[1]) < 0) return JS_EXCEPTION;
  const char *wanted = JS_ToCString(ctx, argv[0]);
  if (wanted == NULL) return JS_EXCEPTION;
  if (strlen(wanted) >= sizeof(path)) return throw_for(ctx, ENAMETOOLONG, "making", wanted);
  strcpy(path, wanted);
  for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
    if (slash != NULL) *slash = '\0';
    if (mkdir(path, (mode_t)mode & 07777) != 0 && errno != EEXIST) {
      return throw_for(ctx, errno, "making", wanted);
    }
    if (slash == NULL) break;
    *slash = '/';
  }
  struct stat status;
  if (stat(wanted, &status) != 0) return throw_for(ctx, errno, "making", wanted);
  if (!S_ISDIR(status.st_mode)) return throw_for(ctx, ENOTDIR, "making", wanted);
  JS_FreeCString(ctx, wanted);
  return JS_UNDEFINED;
}

/* Keys that others may read are nobody's own any more; root may anyway. */
static JSValue is_private(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct stat status;
  const char *path = JS_ToCString(ctx, argv[0]);
  if (path == NULL) return JS_EXCEPTION;
  if (stat(path, &status) != 0) {
    if (errno != ENOENT) return throw_for(ctx, errno, "looking at", path);
    JS_FreeCString(ctx, path);
    return JS_NULL;
  }
  JS_FreeCString(ctx, path);
  return JS_NewBool(ctx, (status.st_mode & 077) == 0 && status.st_uid == geteuid());
}

static JSValue list(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  const char *path = JS_ToCString(ctx, argv[0]);
  if (path == NULL) return JS_EXCEPTION;
  JSValue names = folder_list(ctx, path);
  JS_FreeCString(ctx, path);
  return names;
}

/* What an ordinary user may have of it counts as free. */
static JSValue space(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct statvfs filesystem;
  const char *path = JS_ToCString(ctx, argv[0]);
  if (path == NULL) return JS_EXCEPTION;
  if (statvfs(path, &filesystem) != 0) return throw_for(ctx, errno, "measuring", path);
  JS_FreeCString(ctx, path);
  int64_t block = (int64_t)filesystem.f_frsize;
  JSValue result = JS_NewObject(ctx);
  JS_SetPropertyStr(ctx, result, "sizeBytes", JS_NewInt64(ctx, block * (int64_t)filesystem.f_blocks));
  JS_SetPropertyStr(ctx, result, "freeBytes", JS_NewInt64(ctx, block * (int64_t)filesystem.f_bavail));
  return result;
}

/* Of what a link leads to. */
static JSValue inspect(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct stat status;
  const char *path = JS_ToCString(ctx, argv[0]);
  if (path == NULL) return JS_EXCEPTION;
  bool found = stat(path, &status) == 0;
  if (!found && errno != ENOENT) return throw_for(ctx, errno, "inspecting", path);
  JS_FreeCString(ctx, path);
  if (!found) return JS_NULL;
  JSValue result = JS_NewObject(ctx);
  JS_SetPropertyStr(ctx, result, "user", JS_NewInt64(ctx, status.st_uid));
  JS_SetPropertyStr(ctx, result, "mode", JS_NewInt32(ctx, status.st_mode & 07777));
  return result;
}

static JSValue open_append(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  int32_t mode;
  if (JS_ToInt32(ctx, &mode, argv[1]) < 0) return JS_EXCEPTION;
  const char *path = JS_ToCString(ctx, argv[0]);
  if (path == NULL) return JS_EXCEPTION;
  int descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, (mode_t)mode & 07777);
  if (descriptor < 0) return throw_for(ctx, errno, "opening", path);
  JS_FreeCString(ctx, path);
  return append_file_new(ctx, descriptor);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("read", 1, file_read),
    JS_CFUNC_DEF("writeAtomic", 3, file_write_atomic),
    JS_CFUNC_DEF("remove", 1, file_remove),
    JS_CFUNC_DEF("makeDirectory", 2, make_directory),
    JS_CFUNC_DEF("isPrivate", 1, is_private),
    JS_CFUNC_DEF("list", 1, list),
    JS_CFUNC_DEF("space", 1, space),
    JS_CFUNC_DEF("inspect", 1, inspect),
    JS_CFUNC_DEF("openAppend", 2, open_append),
};

static const JSCFunctionListEntry host_entries[] = {
    JS_OBJECT_DEF("files", functions, countof(functions), JS_PROP_C_W_E),
};

void mod_files_install(JSContext *ctx, JSValueConst object) {
  append_file_register(ctx);
  JS_SetPropertyFunctionList(ctx, object, host_entries, countof(host_entries));
}
