/* UTF-8 as the WHATWG Encoding Standard decodes it. */
#ifndef COHORT_UTF8_H
#define COHORT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Looks at the sequence that starts at `data`, `length` >= 1. Returns its length when it is whole and
 * valid; 0 when it is valid so far but cut off by the end; else minus the number of bytes that one
 * U+FFFD replaces.
 */
int utf8_sequence(const uint8_t *data, size_t length);

#endif
