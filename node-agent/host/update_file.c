/* The file "boot": seven lines, a name and its words each. */

#include "update_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { count_max = 1000000 };

struct reader {
  const char *at;
  const char *end;
};

/* Takes `text`, or nothing. */
static bool take(struct reader *reader, const char *text) {
  size_t length = strlen(text);
  if ((size_t)(reader->end - reader->at) < length) return false;
  if (memcmp(reader->at, text, length) != 0) return false;
  reader->at += length;
  return true;
}

/* Takes 1 to boot_word_max characters that are none but these. */
static bool take_word(struct reader *reader, const char *allowed, char word[boot_word_max + 1]) {
  size_t length = 0;
  while (reader->at + length < reader->end && length <= boot_word_max) {
    char next = reader->at[length];
    if (next == '\0' || strchr(allowed, next) == NULL) break;
    length++;
  }
  if (length == 0 || length > boot_word_max) return false;
  memcpy(word, reader->at, length);
  word[length] = '\0';
  reader->at += length;
  return true;
}

/* An image's name, or "-". It becomes part of a path, so nothing else will do. */
static bool take_image(struct reader *reader, char image[image_name_length + 1]) {
  if (take(reader, "-")) return strcpy(image, "-"), true;
  return take_word(reader, "0123456789abcdef", image) && strlen(image) == image_name_length;
}

static bool take_count(struct reader *reader, unsigned *count) {
  char digits[boot_word_max + 1];
  if (!take_word(reader, "0123456789", digits) || strlen(digits) > 7) return false;
  if (digits[0] == '0' && digits[1] != '\0') return false;
  unsigned long value = 0;
  for (const char *digit = digits; *digit != '\0'; digit++) value = value * 10 + (unsigned)(*digit - '0');
  *count = (unsigned)value;
  return value <= count_max;
}

static const char letters[] = "abcdefghijklmnopqrstuvwxyz-";
static const char version_characters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-";

bool boot_parse(const char *text, size_t length, struct boot *out) {
  struct reader reader = {text, text + length};
  memset(out, 0, sizeof(*out));
  return take(&reader, "cohort-update 1\nbase ") &&
         take_word(&reader, version_characters, out->base) && take(&reader, "\ncurrent ") &&
         take_image(&reader, out->current) && take(&reader, "\ntrial ") &&
         take_image(&reader, out->trial) && take(&reader, "\nstarts ") &&
         take_count(&reader, &out->starts) && take(&reader, "\nconfirm ") &&
         take_count(&reader, &out->confirm_seconds) && take(&reader, "\nfailed ") &&
         take_image(&reader, out->failed) && take(&reader, " ") &&
         take_word(&reader, letters, out->reason) && take(&reader, "\n") && reader.at == reader.end;
}

size_t boot_format(const struct boot *boot, char text[boot_bytes_max]) {
  int length = snprintf(text, boot_bytes_max,
                        "cohort-update 1\nbase %s\ncurrent %s\ntrial %s\nstarts %u\nconfirm %u\n"
                        "failed %s %s\n",
                        boot->base, boot->current, boot->trial, boot->starts, boot->confirm_seconds,
                        boot->failed, boot->reason);
  return length < 0 || length >= boot_bytes_max ? 0 : (size_t)length;
}

bool boot_read(const char *folder, struct boot *out) {
  char path[PATH_MAX], text[boot_bytes_max];
  if ((size_t)snprintf(path, sizeof(path), "%s/boot", folder) >= sizeof(path)) return false;
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return false;
  ssize_t count;
  do count = read(file, text, sizeof(text));
  while (count < 0 && errno == EINTR);
  close(file);
  return count > 0 && boot_parse(text, (size_t)count, out);
}

static bool write_synced(const char *path, const char *text, size_t length) {
  int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return false;
  ssize_t count = write(file, text, length);
  bool written = count == (ssize_t)length && fsync(file) == 0;
  int failure = count >= 0 && count != (ssize_t)length ? ENOSPC : errno;
  close(file);
  errno = failure;
  return written;
}

bool boot_write(const char *folder, const struct boot *boot) {
  char path[PATH_MAX], temporary[PATH_MAX], text[boot_bytes_max];
  size_t length = boot_format(boot, text);
  snprintf(path, sizeof(path), "%s/boot", folder);
  if ((size_t)snprintf(temporary, sizeof(temporary), "%s/boot.host", folder) >= sizeof(temporary)) {
    return errno = ENAMETOOLONG, false;
  }
  /* Left by one that died in between. */
  unlink(temporary);
  bool written = length > 0 && write_synced(temporary, text, length) && rename(temporary, path) == 0;
  if (!written) {
    int failure = errno;
    unlink(temporary);
    errno = failure;
    return false;
  }
  /* A rename is durable only when its folder is synced too. */
  int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool synced = descriptor >= 0 && fsync(descriptor) == 0;
  if (descriptor >= 0) close(descriptor);
  return synced;
}
