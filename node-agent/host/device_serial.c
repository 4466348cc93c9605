/*
 * Serial ports: raw bytes, without control of flow. The descriptor never waits, so these run on the
 * main thread; who calls waits between two attempts.
 */

#include "device_file.h"

#include <errno.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const struct {
  uint32_t bits_per_second;
  speed_t speed;
} speeds[] = {
    {300, B300},         {600, B600},         {1200, B1200},       {2400, B2400},
    {4800, B4800},       {9600, B9600},       {19200, B19200},     {38400, B38400},
    {57600, B57600},     {115200, B115200},   {230400, B230400},   {460800, B460800},
    {500000, B500000},   {921600, B921600},   {1000000, B1000000}, {1500000, B1500000},
    {2000000, B2000000}, {3000000, B3000000},
};

static bool find_speed(int64_t bits_per_second, speed_t *speed) {
  for (size_t i = 0; i < countof(speeds); i++) {
    if (speeds[i].bits_per_second != bits_per_second) continue;
    *speed = speeds[i].speed;
    return true;
  }
  return false;
}

/* "none", "even" or "odd". */
static bool read_parity(JSContext *ctx, JSValueConst options, tcflag_t *flags) {
  JSValue value = JS_GetPropertyStr(ctx, options, "parity");
  const char *text = JS_ToCString(ctx, value);
  JS_FreeValue(ctx, value);
  if (text == NULL) return false;
  if (strcmp(text, "even") == 0) *flags |= PARENB;
  if (strcmp(text, "odd") == 0) *flags |= PARENB | PARODD;
  JS_FreeCString(ctx, text);
  return true;
}

/* ({ baud, dataBits, stopBits, parity }). Modem lines are left alone, also when the port is closed. */
JSValue serial_configure(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct termios settings;
  int64_t baud, data_bits, stop_bits;
  speed_t speed;
  int descriptor = device_file_descriptor(ctx, self);
  if (descriptor < 0 || !option_int64(ctx, argv[0], "baud", &baud) ||
      !option_int64(ctx, argv[0], "dataBits", &data_bits) ||
      !option_int64(ctx, argv[0], "stopBits", &stop_bits)) {
    return JS_EXCEPTION;
  }
  if (!find_speed(baud, &speed)) return error_throw_errno(ctx, EINVAL, "setting the speed");
  if (tcgetattr(descriptor, &settings) != 0) return error_throw_errno(ctx, errno, "a serial port");
  cfmakeraw(&settings);
  settings.c_cflag &= (tcflag_t) ~(CSIZE | CSTOPB | PARENB | PARODD | HUPCL | CRTSCTS);
  settings.c_cflag |= CREAD | CLOCAL | (data_bits == 7 ? CS7 : CS8) | (stop_bits == 2 ? CSTOPB : 0);
  if (!read_parity(ctx, argv[0], &settings.c_cflag)) return JS_EXCEPTION;
  settings.c_cc[VMIN] = 0;
  settings.c_cc[VTIME] = 0;
  if (cfsetispeed(&settings, speed) != 0 || cfsetospeed(&settings, speed) != 0 ||
      tcsetattr(descriptor, TCSANOW, &settings) != 0) {
    return error_throw_errno(ctx, errno, "configuring a serial port");
  }
  return JS_UNDEFINED;
}

/* (length): what has come in, empty when nothing has. */
JSValue serial_read(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  uint8_t data[device_bytes_max];
  int64_t length;
  int descriptor = device_file_descriptor(ctx, self);
  if (descriptor < 0 || JS_ToInt64(ctx, &length, argv[0]) < 0) return JS_EXCEPTION;
  if (length < 0 || length > device_bytes_max) return error_throw(ctx, "TOO_LARGE", "a serial read");
  ssize_t count = read(descriptor, data, (size_t)length);
  if (count < 0 && errno != EAGAIN && errno != EINTR) {
    return error_throw_errno(ctx, errno, "reading a serial port");
  }
  return bytes_copy(ctx, data, count < 0 ? 0 : (size_t)count);
}

/* (bytes): how many of them the port has taken. */
JSValue serial_write(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct bytes bytes;
  int descriptor = device_file_descriptor(ctx, self);
  if (descriptor < 0 || !bytes_get(ctx, argv[0], &bytes)) return JS_EXCEPTION;
  ssize_t count = write(descriptor, bytes.data, bytes.length);
  if (count < 0 && errno != EAGAIN && errno != EINTR) {
    return error_throw_errno(ctx, errno, "writing a serial port");
  }
  return JS_NewInt64(ctx, count < 0 ? 0 : count);
}
