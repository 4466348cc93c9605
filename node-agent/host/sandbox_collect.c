/* Collected output: links, devices, pipes and endless files are what a hostile step would leave. */

#include "sandbox_collect.h"

#include "kernel_calls.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { opened_absent = -1, opened_thrown = -2 };

/* A descriptor of a regular file and its size; `opened_thrown` with an exception pending. */
static int open_regular(JSContext *ctx, int work, const char *name, off_t *size) {
  /* O_NONBLOCK: opening a pipe that nobody writes to must not hang the agent. */
  struct open_how how = {
      .flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
  };
  int file = call_openat2(work, name, &how);
  if (file < 0 && (errno == ENOENT || errno == ENOTDIR)) return opened_absent;
  if (file < 0 && (errno == ELOOP || errno == EXDEV || errno == ENXIO)) {
    error_throw(ctx, "NOT_REGULAR", "the step left no regular file of that name");
    return opened_thrown;
  }
  struct stat status;
  if (file < 0 || fstat(file, &status) != 0) {
    error_throw_errno(ctx, errno, "opening the step's file");
  } else if (!S_ISREG(status.st_mode)) {
    error_throw(ctx, "NOT_REGULAR", "the step left something that is no regular file");
  } else {
    *size = status.st_size;
    return file;
  }
  if (file >= 0) close(file);
  return opened_thrown;
}

/* What there is from `offset` on, `length` bytes at most. */
static JSValue read_part(JSContext *ctx, int file, off_t offset, size_t length) {
  uint8_t *data = malloc(length + 1);
  if (data == NULL) return JS_ThrowOutOfMemory(ctx);
  size_t done = 0;
  while (done < length) {
    ssize_t count = pread(file, data + done, length - done, offset + (off_t)done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      free(data);
      return error_throw_errno(ctx, errno, "reading the step's file");
    }
    if (count == 0) break;
    done += (size_t)count;
  }
  return bytes_adopt(ctx, data, done);
}

JSValue sandbox_collect(JSContext *ctx, int work, const char *name, size_t bytes_max) {
  off_t size;
  int file = open_regular(ctx, work, name, &size);
  if (file < 0) return file == opened_absent ? JS_NULL : JS_EXCEPTION;
  JSValue result = size > (off_t)bytes_max
                       ? error_throw(ctx, "TOO_LARGE", "the step's file is too large")
                       : read_part(ctx, file, 0, (size_t)size);
  close(file);
  return result;
}

JSValue sandbox_measure(JSContext *ctx, int work, const char *name) {
  off_t size;
  int file = open_regular(ctx, work, name, &size);
  if (file < 0) return file == opened_absent ? JS_NULL : JS_EXCEPTION;
  close(file);
  return JS_NewInt64(ctx, size);
}

JSValue sandbox_collect_part(JSContext *ctx, int work, const char *name, off_t offset, size_t length) {
  off_t size;
  int file = open_regular(ctx, work, name, &size);
  if (file == opened_absent) return error_throw(ctx, "ENOENT", "the step's file is gone");
  if (file < 0) return JS_EXCEPTION;
  JSValue result = read_part(ctx, file, offset, length);
  close(file);
  return result;
}
