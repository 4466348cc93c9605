/* `__host.devices`: character devices, and what drivers show in sysfs. */

#include "device_file.h"
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static JSValue throw_for(JSContext *ctx, int number, const char *path) {
  char message[PATH_MAX + 32];
  snprintf(message, sizeof(message), "opening %s", path);
  JSValue thrown = error_throw_errno(ctx, number, message);
  JS_FreeCString(ctx, path);
  return thrown;
}

/*
 * Without waiting: a serial port would otherwise wait for a carrier. Never as this process's terminal.
 * What is no character device is refused: the name may be that of a file by mistake.
 */
static JSValue device_open(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct stat status;
  const char *path = JS_ToCString(ctx, argv[0]);
  if (path == NULL) return JS_EXCEPTION;
  int descriptor = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (descriptor < 0) return throw_for(ctx, errno, path);
  if (fstat(descriptor, &status) != 0 || !S_ISCHR(status.st_mode)) {
    close(descriptor);
    return throw_for(ctx, ENODEV, path);
  }
  JS_FreeCString(ctx, path);
  return device_file_new(ctx, descriptor);
}

static void run_read(struct device_work *work) {
  int descriptor = open(work->path, O_RDONLY | O_CLOEXEC);
  ssize_t count = descriptor < 0 ? -1 : read(descriptor, work->data, sizeof(work->data));
  if (count < 0) work->failure = errno;
  else work->read_length = (size_t)count;
  if (descriptor >= 0) close(descriptor);
}

/* One write is one value to a driver: what it does not take as a whole, it does not take. */
static void run_write(struct device_work *work) {
  int descriptor = open(work->path, O_WRONLY | O_CLOEXEC);
  ssize_t count = descriptor < 0 ? -1 : write(descriptor, work->data, work->length);
  if (count < 0) work->failure = errno;
  else if ((size_t)count != work->length) work->failure = EIO;
  if (descriptor >= 0) close(descriptor);
}

static struct device_work *attribute_work(JSContext *ctx, JSValueConst path, const char *what) {
  struct device_work *work = device_work_new(ctx, -1, what);
  const char *text = work == NULL ? NULL : JS_ToCString(ctx, path);
  if (text != NULL) work->path = strdup(text);
  JS_FreeCString(ctx, text);
  if (work == NULL || work->path != NULL) return work;
  if (!JS_HasException(ctx)) JS_ThrowOutOfMemory(ctx);
  device_work_drop(work);
  return NULL;
}

static JSValue read_attribute(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct device_work *work = attribute_work(ctx, argv[0], "reading an attribute");
  if (work == NULL) return JS_EXCEPTION;
  work->run = run_read;
  work->answer = device_answer_bytes;
  return device_work_start(ctx, work);
}

static JSValue write_attribute(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct device_work *work = attribute_work(ctx, argv[0], "writing an attribute");
  if (work == NULL) return JS_EXCEPTION;
  if (!device_work_write(ctx, work, argv[1])) {
    device_work_drop(work);
    return JS_EXCEPTION;
  }
  work->run = run_write;
  return device_work_start(ctx, work);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("open", 1, device_open),
    JS_CFUNC_DEF("readAttribute", 1, read_attribute),
    JS_CFUNC_DEF("writeAttribute", 2, write_attribute),
};

static const JSCFunctionListEntry host_entries[] = {
    JS_OBJECT_DEF("devices", functions, countof(functions), JS_PROP_C_W_E),
};

void mod_devices_install(JSContext *ctx, JSValueConst object) {
  device_file_register(ctx);
  JS_SetPropertyFunctionList(ctx, object, host_entries, countof(host_entries));
}
