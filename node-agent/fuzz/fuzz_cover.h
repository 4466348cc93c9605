/*
 * Coverage of the TypeScript. The build puts a call of this at every opcode that QuickJS dispatches
 * (toolchain/fuzzer.mjs): an address of bytecode is to the script what a basic block is to C.
 */
#ifndef COHORT_FUZZ_COVER_H
#define COHORT_FUZZ_COVER_H

#include <stdint.h>

enum { fuzz_counters_size = 1 << 16 };

/* libFuzzer reads what lies in this section as it does its own counters. */
extern uint8_t fuzz_counters[fuzz_counters_size];

static inline void fuzz_cover(const uint8_t *pc) {
  /* Fibonacci hashing: neighbours in the bytecode get counters far apart. */
  uint64_t hash = (uint64_t)(uintptr_t)pc * 0x9e3779b97f4a7c15u;
  fuzz_counters[hash >> 48]++;
}

#endif
