/* Reading and writing a file as a whole, and the names in a folder. */

#include "small_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Configuration, keys and journal segments; anything larger here is a mistake. */
static const off_t file_bytes_max = 64 * 1024 * 1024;

/* Reads `length` bytes or what there is; -1 with errno. */
static ssize_t read_whole(int descriptor, uint8_t *data, size_t length) {
  size_t done = 0;
  while (done < length) {
    ssize_t count = read(descriptor, data + done, length - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    if (count == 0) break;
    done += (size_t)count;
  }
  return (ssize_t)done;
}

static JSValue throw_for(JSContext *ctx, int number, const char *what, const char *path) {
  char message[PATH_MAX + 32];
  snprintf(message, sizeof(message), "%s %s", what, path);
  return error_throw_errno(ctx, number, message);
}

JSValue small_file_read(JSContext *ctx, const char *path) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return errno == ENOENT ? JS_NULL : throw_for(ctx, errno, "reading", path);
  struct stat status;
  uint8_t *data = NULL;
  ssize_t length = -1;
  if (fstat(descriptor, &status) == 0) {
    if (S_ISDIR(status.st_mode)) errno = EISDIR;
    else if (status.st_size > file_bytes_max) errno = EFBIG;
    else if ((data = malloc((size_t)status.st_size + 1)) == NULL) errno = ENOMEM;
    else length = read_whole(descriptor, data, (size_t)status.st_size);
  }
  int failure = errno;
  close(descriptor);
  if (length >= 0) return bytes_adopt(ctx, data, (size_t)length);
  free(data);
  return throw_for(ctx, failure, "reading", path);
}

int small_file_write(const char *path, int flags, const struct bytes *bytes, mode_t mode, bool synced) {
  int descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
  if (descriptor < 0) return errno;
  int failure = fchmod(descriptor, mode) == 0 ? 0 : errno;
  size_t done = 0;
  while (failure == 0 && done < bytes->length) {
    ssize_t count = write(descriptor, bytes->data + done, bytes->length - done);
    if (count >= 0) done += (size_t)count;
    else if (errno != EINTR) failure = errno;
  }
  if (failure == 0 && synced && fsync(descriptor) != 0) failure = errno;
  if (close(descriptor) != 0 && failure == 0) failure = errno;
  return failure;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static int not_dots(const struct dirent *entry) {
  return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

JSValue folder_list(JSContext *ctx, const char *path) {
  struct dirent **entries = NULL;
  int count = scandir(path, &entries, not_dots, by_name);
  if (count < 0 && errno != ENOENT) return throw_for(ctx, errno, "listing", path);
  JSValue names = JS_NewArray(ctx);
  for (int i = 0; i < count; i++) {
    JS_SetPropertyUint32(ctx, names, (uint32_t)i, JS_NewString(ctx, entries[i]->d_name));
    free(entries[i]);
  }
  free(entries);
  return names;
}
