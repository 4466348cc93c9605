/* Transfers by SPI. https://docs.kernel.org/spi/spidev.html */

#include "device_file.h"

#include <errno.h>
#include <linux/spi/spidev.h>
#include <string.h>
#include <sys/ioctl.h>

/* As much comes in as goes out, at the same time. */
static void run_transfer(struct device_work *work) {
  uint8_t answer[device_bytes_max];
  struct spi_ioc_transfer transfer = {
      .tx_buf = (uintptr_t)work->data,
      .rx_buf = (uintptr_t)answer,
      .len = (uint32_t)work->length,
      .speed_hz = work->speed_hz,
      .bits_per_word = 8,
  };
  if (ioctl(work->descriptor, SPI_IOC_WR_MODE32, &work->mode) < 0 ||
      ioctl(work->descriptor, SPI_IOC_MESSAGE(1), &transfer) < 0) {
    work->failure = errno;
    return;
  }
  memcpy(work->data, answer, work->length);
  work->read_length = work->length;
}

/* (bytes, speed in Hz or 0 for the device's own, mode 0 to 3): what came in. */
JSValue spi_transfer(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  int descriptor = device_file_descriptor(ctx, self);
  if (descriptor < 0) return JS_EXCEPTION;
  struct device_work *work = device_work_new(ctx, descriptor, "a transfer by SPI");
  if (work == NULL) return JS_EXCEPTION;
  if (!device_work_write(ctx, work, argv[0]) || JS_ToUint32(ctx, &work->speed_hz, argv[1]) < 0 ||
      JS_ToUint32(ctx, &work->mode, argv[2]) < 0) {
    device_work_drop(work);
    return JS_EXCEPTION;
  }
  work->run = run_transfer;
  work->answer = device_answer_bytes;
  return device_work_start(ctx, work);
}
