/*
 * Messages on an I2C bus. https://docs.kernel.org/i2c/dev-interface.html
 */

#include "device_file.h"

#include <errno.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <string.h>
#include <sys/ioctl.h>

/* In units of 10 ms: what a chip that stretches the clock may keep the bus for. */
static const unsigned long timeout_ticks = 100;

static int smbus(int descriptor, uint8_t direction, uint8_t command, uint32_t size,
                 union i2c_smbus_data *data) {
  struct i2c_smbus_ioctl_data call = {
      .read_write = direction, .command = command, .size = size, .data = data};
  return ioctl(descriptor, I2C_SMBUS, &call);
}

/* A write of no more than a register and a block, on a bus that knows no plain messages. */
static int write_smbus(struct device_work *work) {
  union i2c_smbus_data data;
  const uint8_t *bytes = work->data;
  size_t length = work->length;
  if (length == 1) return smbus(work->descriptor, I2C_SMBUS_WRITE, bytes[0], I2C_SMBUS_BYTE, NULL);
  if (length == 2) {
    data.byte = bytes[1];
    return smbus(work->descriptor, I2C_SMBUS_WRITE, bytes[0], I2C_SMBUS_BYTE_DATA, &data);
  }
  if (length == 3) {
    data.word = (uint16_t)(bytes[1] | bytes[2] << 8);
    return smbus(work->descriptor, I2C_SMBUS_WRITE, bytes[0], I2C_SMBUS_WORD_DATA, &data);
  }
  if (length == 0 || length - 1 > I2C_SMBUS_BLOCK_MAX) return errno = EOPNOTSUPP, -1;
  data.block[0] = (uint8_t)(length - 1);
  memcpy(data.block + 1, bytes + 1, length - 1);
  return smbus(work->descriptor, I2C_SMBUS_WRITE, bytes[0], I2C_SMBUS_I2C_BLOCK_DATA, &data);
}

static int read_smbus(struct device_work *work) {
  union i2c_smbus_data data;
  size_t length = work->read_length;
  uint8_t command = work->data[0];
  bool addressed = work->length == 1;
  int failed;
  if (work->length > 1 || length > I2C_SMBUS_BLOCK_MAX) return errno = EOPNOTSUPP, -1;
  if (length == 1) {
    uint32_t size = addressed ? I2C_SMBUS_BYTE_DATA : I2C_SMBUS_BYTE;
    failed = smbus(work->descriptor, I2C_SMBUS_READ, addressed ? command : 0, size, &data);
    work->data[0] = data.byte;
    return failed;
  }
  if (!addressed) return errno = EOPNOTSUPP, -1;
  if (length == 2) {
    failed = smbus(work->descriptor, I2C_SMBUS_READ, command, I2C_SMBUS_WORD_DATA, &data);
    work->data[0] = (uint8_t)data.word;
    work->data[1] = (uint8_t)(data.word >> 8);
    return failed;
  }
  data.block[0] = (uint8_t)length;
  failed = smbus(work->descriptor, I2C_SMBUS_READ, command, I2C_SMBUS_I2C_BLOCK_DATA, &data);
  if (failed == 0 && data.block[0] < length) return errno = EIO, -1;
  memcpy(work->data, data.block + 1, length);
  return failed;
}

/* What is written, a repeated start, and what is read: one transfer that nothing comes between. */
static int transfer_messages(struct device_work *work) {
  uint8_t answer[device_bytes_max];
  struct i2c_msg messages[2];
  uint32_t count = 0;
  uint16_t address = (uint16_t)work->line;
  if (work->length > 0) {
    messages[count++] = (struct i2c_msg){address, 0, (uint16_t)work->length, work->data};
  }
  if (work->read_length > 0) {
    messages[count++] = (struct i2c_msg){address, I2C_M_RD, (uint16_t)work->read_length, answer};
  }
  struct i2c_rdwr_ioctl_data transfer = {messages, count};
  if (ioctl(work->descriptor, I2C_RDWR, &transfer) < 0) return -1;
  memcpy(work->data, answer, work->read_length);
  return 0;
}

static void run_transfer(struct device_work *work) {
  unsigned long functions = 0;
  ioctl(work->descriptor, I2C_TIMEOUT, timeout_ticks);
  /* EBUSY for a chip that a driver of the kernel looks after: a clock, a power supply. */
  int failed = ioctl(work->descriptor, I2C_SLAVE, (unsigned long)work->line);
  if (failed == 0) failed = ioctl(work->descriptor, I2C_FUNCS, &functions);
  if (failed == 0 && (functions & I2C_FUNC_I2C) != 0) failed = transfer_messages(work);
  else if (failed == 0 && work->read_length > 0) failed = read_smbus(work);
  else if (failed == 0) failed = write_smbus(work);
  if (failed < 0) work->failure = errno;
}

/* (address, bytes, length): writes the bytes, if any, then reads `length` bytes, if any. */
JSValue i2c_transfer(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  int descriptor = device_file_descriptor(ctx, self);
  if (descriptor < 0) return JS_EXCEPTION;
  struct device_work *work = device_work_new(ctx, descriptor, "a transfer by I2C");
  if (work == NULL) return JS_EXCEPTION;
  if (JS_ToUint32(ctx, &work->line, argv[0]) < 0 || !device_work_write(ctx, work, argv[1]) ||
      !device_work_read(ctx, work, argv[2])) {
    device_work_drop(work);
    return JS_EXCEPTION;
  }
  work->run = run_transfer;
  work->answer = device_answer_bytes;
  return device_work_start(ctx, work);
}
