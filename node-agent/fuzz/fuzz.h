/* What the fuzz targets share. The process fuzzes one target, which FUZZ_TARGET names. */
#ifndef COHORT_FUZZ_H
#define COHORT_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Set by FUZZ_PLANT: each target then has a fault, so that a test can see it found. */
extern bool fuzz_planted;

/* Says what was found and ends the process as libFuzzer expects it. */
void fuzz_fail(const char *what) __attribute__((noreturn));

/* Targets in C. Bytes are borrowed. */
void fuzz_boot(const uint8_t *data, size_t size);
void fuzz_certificates(const uint8_t *data, size_t size);
void fuzz_handshake(const uint8_t *data, size_t size);

/* Targets in TypeScript (targets.ts), in a host of their own. */
void fuzz_script_open(const char *target);
void fuzz_script(const uint8_t *data, size_t size);

#endif
