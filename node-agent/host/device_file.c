/* A device that is open. Who may do what with it is decided in TypeScript, before it comes here. */

#include "device_file.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static JSClassID class_id;

/* Owned by its JavaScript object. */
struct device_file {
  int descriptor; /* -1 once closed */
};

static void finalize(JSRuntime *runtime, JSValue value) {
  struct device_file *file = JS_GetOpaque(value, class_id);
  if (file == NULL) return;
  if (file->descriptor >= 0) close(file->descriptor);
  free(file);
}

int device_file_descriptor(JSContext *ctx, JSValueConst self) {
  struct device_file *file = JS_GetOpaque2(ctx, self, class_id);
  if (file == NULL) return -1;
  if (file->descriptor < 0) error_throw(ctx, "CLOSED", "the device is closed");
  return file->descriptor;
}

static JSValue device_close(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct device_file *file = JS_GetOpaque2(ctx, self, class_id);
  if (file == NULL) return JS_EXCEPTION;
  if (file->descriptor >= 0) close(file->descriptor);
  file->descriptor = -1;
  return JS_UNDEFINED;
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("requestLine", 3, gpio_request_line),
    JS_CFUNC_DEF("readLine", 0, gpio_read_line),
    JS_CFUNC_DEF("writeLine", 1, gpio_write_line),
    JS_CFUNC_DEF("transferI2c", 3, i2c_transfer),
    JS_CFUNC_DEF("transferSpi", 3, spi_transfer),
    JS_CFUNC_DEF("configureSerial", 1, serial_configure),
    JS_CFUNC_DEF("readSerial", 1, serial_read),
    JS_CFUNC_DEF("writeSerial", 1, serial_write),
    JS_CFUNC_DEF("close", 0, device_close),
};

static const JSClassDef definition = {.class_name = "DeviceFile", .finalizer = finalize};

void device_file_register(JSContext *ctx) {
  JS_NewClassID(&class_id);
  JS_NewClass(JS_GetRuntime(ctx), class_id, &definition);
  JSValue prototype = JS_NewObject(ctx);
  JS_SetPropertyFunctionList(ctx, prototype, functions, countof(functions));
  JS_SetClassProto(ctx, class_id, prototype);
}

JSValue device_file_new(JSContext *ctx, int descriptor) {
  struct device_file *file = calloc(1, sizeof(*file));
  JSValue object = file == NULL ? JS_ThrowOutOfMemory(ctx) : JS_NewObjectClass(ctx, (int)class_id);
  if (JS_IsException(object)) {
    close(descriptor);
    free(file);
    return object;
  }
  file->descriptor = descriptor;
  JS_SetOpaque(object, file);
  return object;
}
