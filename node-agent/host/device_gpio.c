/*
 * Lines of a GPIO chip, by version 2 of the character device's interface.
 * https://docs.kernel.org/userspace-api/gpio/chardev.html
 */

#include "device_file.h"

#include <errno.h>
#include <linux/gpio.h>
#include <stdio.h>
#include <sys/ioctl.h>

/*
 * A line that is only read is taken as it is: to make it an input would move what it drives. The line
 * stays taken until its descriptor is closed.
 */
static void run_request(struct device_work *work) {
  struct gpio_v2_line_request request = {.num_lines = 1, .offsets = {work->line}};
  snprintf(request.consumer, sizeof(request.consumer), "cohort");
  if (work->output) {
    request.config.flags = GPIO_V2_LINE_FLAG_OUTPUT;
    request.config.num_attrs = 1;
    request.config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES;
    request.config.attrs[0].attr.values = work->value;
    request.config.attrs[0].mask = 1;
  }
  if (ioctl(work->descriptor, GPIO_V2_GET_LINE_IOCTL, &request) != 0) work->failure = errno;
  else work->value = (uint32_t)request.fd;
}

static JSValue answer_line(JSContext *ctx, struct device_work *work) {
  return device_file_new(ctx, (int)work->value);
}

/* (line, output, value): a DeviceFile of the line; the value is the first of an output. */
JSValue gpio_request_line(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  int descriptor = device_file_descriptor(ctx, self);
  if (descriptor < 0) return JS_EXCEPTION;
  struct device_work *work = device_work_new(ctx, descriptor, "taking a line");
  if (work == NULL) return JS_EXCEPTION;
  work->output = JS_ToBool(ctx, argv[1]) > 0;
  if (JS_ToUint32(ctx, &work->line, argv[0]) < 0 || JS_ToUint32(ctx, &work->value, argv[2]) < 0) {
    device_work_drop(work);
    return JS_EXCEPTION;
  }
  work->run = run_request;
  work->answer = answer_line;
  return device_work_start(ctx, work);
}

static void run_get(struct device_work *work) {
  struct gpio_v2_line_values values = {.mask = 1};
  if (ioctl(work->descriptor, GPIO_V2_LINE_GET_VALUES_IOCTL, &values) != 0) work->failure = errno;
  work->value = (uint32_t)(values.bits & 1);
}

static JSValue answer_value(JSContext *ctx, struct device_work *work) {
  return JS_NewUint32(ctx, work->value);
}

JSValue gpio_read_line(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  int descriptor = device_file_descriptor(ctx, self);
  if (descriptor < 0) return JS_EXCEPTION;
  struct device_work *work = device_work_new(ctx, descriptor, "reading a line");
  if (work == NULL) return JS_EXCEPTION;
  work->run = run_get;
  work->answer = answer_value;
  return device_work_start(ctx, work);
}

static void run_set(struct device_work *work) {
  struct gpio_v2_line_values values = {.mask = 1, .bits = work->value};
  if (ioctl(work->descriptor, GPIO_V2_LINE_SET_VALUES_IOCTL, &values) != 0) work->failure = errno;
}

JSValue gpio_write_line(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  int descriptor = device_file_descriptor(ctx, self);
  if (descriptor < 0) return JS_EXCEPTION;
  struct device_work *work = device_work_new(ctx, descriptor, "writing a line");
  if (work == NULL) return JS_EXCEPTION;
  if (JS_ToUint32(ctx, &work->value, argv[0]) < 0) {
    device_work_drop(work);
    return JS_EXCEPTION;
  }
  work->run = run_set;
  return device_work_start(ctx, work);
}
