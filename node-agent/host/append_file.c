/* A file that grows: the journal. Appends are immediate; syncing happens on the thread pool. */

#include "append_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static JSClassID class_id;

/* Owned by its JavaScript object, which every sync in progress holds on to. */
struct append_file {
  int descriptor; /* -1 once closed */
  int64_t size;
};

/* Owned by the thread pool until after_sync frees it. */
struct sync {
  uv_work_t work;
  struct deferred done;
  JSValue file; /* owned: keeps the append_file alive */
  int descriptor; /* a duplicate, so that close() meanwhile does no harm */
  int failure;
};

static void finalize(JSRuntime *runtime, JSValue value) {
  struct append_file *file = JS_GetOpaque(value, class_id);
  if (file == NULL) return;
  if (file->descriptor >= 0) close(file->descriptor);
  free(file);
}

static JSValue get_size(JSContext *ctx, JSValueConst self) {
  struct append_file *file = JS_GetOpaque2(ctx, self, class_id);
  return file == NULL ? JS_EXCEPTION : JS_NewInt64(ctx, file->size);
}

/* NULL with an exception pending when `self` is no open file. */
static struct append_file *get_open(JSContext *ctx, JSValueConst self) {
  struct append_file *file = JS_GetOpaque2(ctx, self, class_id);
  if (file == NULL || file->descriptor >= 0) return file;
  error_throw(ctx, "CLOSED", "the file is closed");
  return NULL;
}

static JSValue append(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct bytes bytes;
  struct append_file *file = get_open(ctx, self);
  if (file == NULL || !bytes_get(ctx, argv[0], &bytes)) return JS_EXCEPTION;
  size_t done = 0;
  while (done < bytes.length) {
    ssize_t count = write(file->descriptor, bytes.data + done, bytes.length - done);
    if (count >= 0) {
      done += (size_t)count;
      continue;
    }
    if (errno == EINTR) continue;
    int failure = errno;
    /* All or nothing: half a record would be found by the next reader. */
    if (ftruncate(file->descriptor, file->size) != 0) file->size += (int64_t)done;
    return error_throw_errno(ctx, failure, "appending");
  }
  file->size += (int64_t)done;
  return JS_UNDEFINED;
}

static void run_sync(uv_work_t *work) {
  struct sync *sync = work->data;
  sync->failure = fdatasync(sync->descriptor) == 0 ? 0 : errno;
}

static void after_sync(uv_work_t *work, int status) {
  struct sync *sync = work->data;
  JSContext *ctx = host.context;
  close(sync->descriptor);
  if (sync->failure == 0) deferred_resolve(ctx, &sync->done, JS_UNDEFINED);
  else deferred_reject(ctx, &sync->done, error_new_errno(ctx, sync->failure, "syncing"));
  JS_FreeValue(ctx, sync->file);
  free(sync);
}

static JSValue file_sync(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct append_file *file = get_open(ctx, self);
  if (file == NULL) return JS_EXCEPTION;
  struct sync *sync = calloc(1, sizeof(*sync));
  if (sync == NULL) return JS_ThrowOutOfMemory(ctx);
  sync->descriptor = fcntl(file->descriptor, F_DUPFD_CLOEXEC, 0);
  if (sync->descriptor < 0) {
    free(sync);
    return error_throw_errno(ctx, errno, "syncing");
  }
  JSValue promise = deferred_open(ctx, &sync->done);
  if (JS_IsException(promise)) {
    close(sync->descriptor);
    free(sync);
    return promise;
  }
  sync->file = JS_DupValue(ctx, self);
  sync->work.data = sync;
  uv_queue_work(&host.loop, &sync->work, run_sync, after_sync);
  return promise;
}

static JSValue truncate_to(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  int64_t size;
  struct append_file *file = get_open(ctx, self);
  if (file == NULL || JS_ToInt64(ctx, &size, argv[0]) < 0) return JS_EXCEPTION;
  if (ftruncate(file->descriptor, size) != 0) return error_throw_errno(ctx, errno, "truncating");
  file->size = size;
  return JS_UNDEFINED;
}

static JSValue file_close(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct append_file *file = JS_GetOpaque2(ctx, self, class_id);
  if (file == NULL) return JS_EXCEPTION;
  if (file->descriptor >= 0) close(file->descriptor);
  file->descriptor = -1;
  return JS_UNDEFINED;
}

static const JSCFunctionListEntry functions[] = {
    JS_CGETSET_DEF("size", get_size, NULL),
    JS_CFUNC_DEF("append", 1, append),
    JS_CFUNC_DEF("sync", 0, file_sync),
    JS_CFUNC_DEF("truncate", 1, truncate_to),
    JS_CFUNC_DEF("close", 0, file_close),
};

static const JSClassDef definition = {.class_name = "AppendFile", .finalizer = finalize};

void append_file_register(JSContext *ctx) {
  JS_NewClassID(&class_id);
  JS_NewClass(JS_GetRuntime(ctx), class_id, &definition);
  JSValue prototype = JS_NewObject(ctx);
  JS_SetPropertyFunctionList(ctx, prototype, functions, countof(functions));
  JS_SetClassProto(ctx, class_id, prototype);
}

JSValue append_file_new(JSContext *ctx, int descriptor) {
  struct stat status;
  struct append_file *file = calloc(1, sizeof(*file));
  JSValue object = JS_EXCEPTION;
  if (file == NULL) JS_ThrowOutOfMemory(ctx);
  else if (fstat(descriptor, &status) != 0) error_throw_errno(ctx, errno, "opening");
  else object = JS_NewObjectClass(ctx, (int)class_id);
  if (JS_IsException(object)) {
    close(descriptor);
    free(file);
    return object;
  }
  file->descriptor = descriptor;
  file->size = status.st_size;
  JS_SetOpaque(object, file);
  return object;
}
