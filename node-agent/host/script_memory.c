/*
 * The memory of a script step's JavaScript. QuickJS makes an error of an allocation that fails, for which
 * it needs memory itself: the first time that the limit is reached, some is left for that.
 */

#include "script_memory.h"

#include <malloc.h>
#include <stdlib.h>

static const size_t reserve_bytes = 1024 * 1024;

static bool exhausted;

bool script_memory_exhausted(void) { return exhausted; }

static bool fits(JSMallocState *state, size_t more) {
  if (state->malloc_size + more <= state->malloc_limit) return true;
  if (!exhausted) state->malloc_limit += reserve_bytes;
  exhausted = true;
  return false;
}

static void *allocate(JSMallocState *state, size_t size) {
  void *data = fits(state, size) ? malloc(size) : NULL;
  if (data == NULL) return NULL;
  state->malloc_count++;
  state->malloc_size += malloc_usable_size(data);
  return data;
}

static void release(JSMallocState *state, void *data) {
  if (data == NULL) return;
  state->malloc_count--;
  state->malloc_size -= malloc_usable_size(data);
  free(data);
}

static void *resize(JSMallocState *state, void *data, size_t size) {
  if (data == NULL) return size == 0 ? NULL : allocate(state, size);
  if (size == 0) {
    release(state, data);
    return NULL;
  }
  size_t before = malloc_usable_size(data);
  if (size > before && !fits(state, size - before)) return NULL;
  void *moved = realloc(data, size);
  if (moved != NULL) state->malloc_size += malloc_usable_size(moved) - before;
  return moved;
}

static size_t usable_size(const void *data) { return malloc_usable_size((void *)data); }

const JSMallocFunctions script_memory = {allocate, release, resize, usable_size};
