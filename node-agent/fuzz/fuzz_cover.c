#include "fuzz_cover.h"

__attribute__((section("__libfuzzer_extra_counters"))) uint8_t fuzz_counters[fuzz_counters_size];
