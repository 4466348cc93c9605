/* The spec's way from the agent to init: counts and length-prefixed blobs, each ended by a zero byte. */

#include "sandbox.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct header {
  struct sandbox_limits limits;
  uint32_t listen_port;
  uint32_t counted;
  uint32_t held;
};

void spec_write_header(FILE *out, const struct sandbox_spec *spec) {
  struct header header;
  memset(&header, 0, sizeof(header));
  header.limits = spec->limits;
  header.listen_port = spec->listen_port;
  header.counted = spec->counted;
  header.held = spec->held;
  fwrite(&header, sizeof(header), 1, out);
}

void spec_write_count(FILE *out, uint32_t count) { fwrite(&count, sizeof(count), 1, out); }

void spec_write_blob(FILE *out, const void *data, uint32_t length) {
  spec_write_count(out, length);
  fwrite(data, 1, length, out);
  fputc('\0', out);
}

struct reader {
  uint8_t *at;
  size_t left;
};

static uint8_t *take(struct reader *reader, size_t length) {
  if (reader->left < length) return NULL;
  uint8_t *taken = reader->at;
  reader->at += length;
  reader->left -= length;
  return taken;
}

static bool take_count(struct reader *reader, uint32_t *count) {
  const uint8_t *bytes = take(reader, sizeof(*count));
  if (bytes != NULL) memcpy(count, bytes, sizeof(*count));
  return bytes != NULL;
}

static uint8_t *take_blob(struct reader *reader, uint32_t *length) {
  if (!take_count(reader, length)) return NULL;
  return take(reader, (size_t)*length + 1);
}

static char **take_strings(struct reader *reader) {
  uint32_t count, length;
  if (!take_count(reader, &count) || count > reader->left) return NULL;
  char **strings = calloc((size_t)count + 1, sizeof(*strings));
  for (uint32_t i = 0; strings != NULL && i < count; i++) {
    strings[i] = (char *)take_blob(reader, &length);
    if (strings[i] == NULL) return NULL;
  }
  return strings;
}

static bool take_files(struct reader *reader, struct sandbox_spec *spec) {
  uint32_t length;
  if (!take_count(reader, &spec->files_count) || spec->files_count > reader->left) return false;
  spec->files = calloc((size_t)spec->files_count + 1, sizeof(*spec->files));
  if (spec->files == NULL) return false;
  for (uint32_t i = 0; i < spec->files_count; i++) {
    struct sandbox_file *file = &spec->files[i];
    file->name = (const char *)take_blob(reader, &length);
    file->data = file->name == NULL ? NULL : take_blob(reader, &file->length);
    if (file->data == NULL) return false;
  }
  return true;
}

bool spec_read(int descriptor, struct sandbox_spec *spec) {
  struct stat status;
  if (fstat(descriptor, &status) != 0 || status.st_size == 0) return false;
  void *map = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
  if (map == MAP_FAILED) return false;
  struct reader reader = {map, (size_t)status.st_size};
  const struct header *header = (const void *)take(&reader, sizeof(*header));
  if (header == NULL) return false;
  spec->limits = header->limits;
  spec->listen_port = header->listen_port;
  spec->counted = header->counted != 0;
  spec->held = header->held != 0;
  spec->argv = take_strings(&reader);
  spec->environment = spec->argv == NULL ? NULL : take_strings(&reader);
  spec->read_only = spec->environment == NULL ? NULL : take_strings(&reader);
  return spec->read_only != NULL && take_files(&reader, spec) && spec->argv[0] != NULL;
}
