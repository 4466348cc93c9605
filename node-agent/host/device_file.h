/* DeviceFile of src/host.ts: a character device, or a line of a GPIO chip, that is open. */
#ifndef COHORT_DEVICE_FILE_H
#define COHORT_DEVICE_FILE_H

#include "device_work.h"

void device_file_register(JSContext *ctx);
/* Takes over the descriptor, also when it fails. */
JSValue device_file_new(JSContext *ctx, int descriptor);
/* -1 with an exception pending when `self` is no open device. */
int device_file_descriptor(JSContext *ctx, JSValueConst self);

/* The methods of each kind of device. */
JSValue gpio_request_line(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);
JSValue gpio_read_line(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);
JSValue gpio_write_line(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);
JSValue i2c_transfer(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);
JSValue spi_transfer(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);
JSValue serial_configure(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);
JSValue serial_read(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);
JSValue serial_write(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv);

#endif
