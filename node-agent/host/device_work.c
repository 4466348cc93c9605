/* Operations on devices, on the thread pool. */

#include "device_work.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct device_work *device_work_new(JSContext *ctx, int descriptor, const char *what) {
  struct device_work *work = calloc(1, sizeof(*work));
  if (work == NULL) {
    JS_ThrowOutOfMemory(ctx);
    return NULL;
  }
  work->done = DEFERRED_NONE;
  work->what = what;
  work->answer = device_answer_nothing;
  work->work.data = work;
  work->descriptor = descriptor < 0 ? -1 : fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (descriptor >= 0 && work->descriptor < 0) {
    error_throw_errno(ctx, errno, what);
    free(work);
    return NULL;
  }
  return work;
}

bool device_work_write(JSContext *ctx, struct device_work *work, JSValueConst value) {
  struct bytes bytes;
  if (!bytes_get(ctx, value, &bytes)) return false;
  if (bytes.length > device_bytes_max) {
    error_throw(ctx, "TOO_LARGE", work->what);
    return false;
  }
  memcpy(work->data, bytes.data, bytes.length);
  work->length = bytes.length;
  return true;
}

bool device_work_read(JSContext *ctx, struct device_work *work, JSValueConst value) {
  int64_t length;
  if (JS_ToInt64(ctx, &length, value) < 0) return false;
  if (length < 0 || length > device_bytes_max) {
    error_throw(ctx, "TOO_LARGE", work->what);
    return false;
  }
  work->read_length = (size_t)length;
  return true;
}

void device_work_drop(struct device_work *work) {
  if (work->descriptor >= 0) close(work->descriptor);
  free(work->path);
  free(work);
}

JSValue device_answer_bytes(JSContext *ctx, struct device_work *work) {
  return bytes_copy(ctx, work->data, work->read_length);
}

JSValue device_answer_nothing(JSContext *ctx, struct device_work *work) { return JS_UNDEFINED; }

static void run(uv_work_t *it) {
  struct device_work *work = it->data;
  work->run(work);
}

static void after(uv_work_t *it, int status) {
  struct device_work *work = it->data;
  JSContext *ctx = host.context;
  if (work->failure == 0) deferred_resolve(ctx, &work->done, work->answer(ctx, work));
  else deferred_reject(ctx, &work->done, error_new_errno(ctx, work->failure, work->what));
  device_work_drop(work);
}

JSValue device_work_start(JSContext *ctx, struct device_work *work) {
  JSValue promise = deferred_open(ctx, &work->done);
  if (JS_IsException(promise)) {
    device_work_drop(work);
    return promise;
  }
  uv_queue_work(&host.loop, &work->work, run, after);
  return promise;
}
