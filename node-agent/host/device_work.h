/*
 * One operation on a device, carried out by the thread pool: a bus or a driver may keep its caller
 * waiting, and the loop must go on.
 */
#ifndef COHORT_DEVICE_WORK_H
#define COHORT_DEVICE_WORK_H

#include "host.h"

/* What one operation may write or read: a page, as sysfs and the drivers of buses have it. */
enum { device_bytes_max = 4096 };

struct device_work {
  uv_work_t work;
  struct deferred done;
  const char *what; /* static storage: what was tried, for the error */
  /* On the thread pool: no JavaScript. Sets `failure` and whatever `answer` reads. */
  void (*run)(struct device_work *);
  /* On the main thread, after success: the promise's value. */
  JSValue (*answer)(JSContext *, struct device_work *);
  int failure; /* errno, 0 for none */
  int descriptor; /* owned: a duplicate, so that close() meanwhile does no harm; -1 for none */
  char *path; /* owned, from malloc; NULL for none */
  uint32_t line; /* of a chip; or the address on a bus */
  uint32_t value;
  bool output;
  uint32_t speed_hz;
  uint32_t mode;
  size_t length; /* of what is written */
  size_t read_length; /* of what is to be read, or was */
  uint8_t data[device_bytes_max]; /* what is written, then what was read */
};

/* NULL with an exception pending. `descriptor` is duplicated; -1 for none. */
struct device_work *device_work_new(JSContext *ctx, int descriptor, const char *what);
/* False with an exception pending when it is no Uint8Array, or too long. */
bool device_work_write(JSContext *ctx, struct device_work *work, JSValueConst bytes);
/* False with an exception pending when it is no length within bounds. */
bool device_work_read(JSContext *ctx, struct device_work *work, JSValueConst length);
/* Frees what was never started. */
void device_work_drop(struct device_work *work);
/* Takes over `work`; a promise, or JS_EXCEPTION. */
JSValue device_work_start(JSContext *ctx, struct device_work *work);

JSValue device_answer_bytes(JSContext *ctx, struct device_work *work);
JSValue device_answer_nothing(JSContext *ctx, struct device_work *work);

#endif
