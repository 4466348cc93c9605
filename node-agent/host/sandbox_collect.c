/* Collected output: links, devices, pipes and endless files are what a hostile step would leave. */

#include "sandbox_collect.h"

#include "kernel_calls.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Asks for one byte more than the file said it has: nobody is left to write, but nothing relies on it. */
static JSValue read_bounded(JSContext *ctx, int file, size_t size) {
  uint8_t *data = malloc(size + 1);
  if (data == NULL) return JS_ThrowOutOfMemory(ctx);
  size_t done = 0;
  while (done < size + 1) {
    ssize_t count = read(file, data + done, size + 1 - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      free(data);
      return error_throw_errno(ctx, errno, "reading the step's file");
    }
    if (count == 0) break;
    done += (size_t)count;
  }
  if (done <= size) return bytes_adopt(ctx, data, done);
  free(data);
  return error_throw(ctx, "TOO_LARGE", "the step's file grew while it was read");
}

JSValue sandbox_collect(JSContext *ctx, int work, const char *name, size_t bytes_max) {
  /* O_NONBLOCK: opening a pipe that nobody writes to must not hang the agent. */
  struct open_how how = {
      .flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
  };
  int file = call_openat2(work, name, &how);
  if (file < 0 && (errno == ENOENT || errno == ENOTDIR)) return JS_NULL;
  if (file < 0 && (errno == ELOOP || errno == EXDEV || errno == ENXIO)) {
    return error_throw(ctx, "NOT_REGULAR", "the step left no regular file of that name");
  }
  if (file < 0) return error_throw_errno(ctx, errno, "opening the step's file");
  struct stat status;
  JSValue result;
  if (fstat(file, &status) != 0) {
    result = error_throw_errno(ctx, errno, "opening the step's file");
  } else if (!S_ISREG(status.st_mode)) {
    result = error_throw(ctx, "NOT_REGULAR", "the step left something that is no regular file");
  } else if (status.st_size > (off_t)bytes_max) {
    result = error_throw(ctx, "TOO_LARGE", "the step's file is too large");
  } else {
    result = read_bounded(ctx, file, (size_t)status.st_size);
  }
  close(file);
  return result;
}
