/* Where libFuzzer calls. https://llvm.org/docs/LibFuzzer.html */

#include "fuzz.h"

#include <mbedtls/platform.h>
#include <psa/crypto.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool fuzz_planted;

static void (*target)(const uint8_t *data, size_t size);

void fuzz_fail(const char *what) {
  fprintf(stderr, "FOUND %s\n", what);
  abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  const char *name = getenv("FUZZ_TARGET");
  fuzz_planted = getenv("FUZZ_PLANT") != NULL;
  if (name == NULL || sodium_init() < 0 || psa_crypto_init() != PSA_SUCCESS) {
    fputs("FUZZ_TARGET names what is to be fuzzed\n", stderr);
    exit(2);
  }
  if (strcmp(name, "boot") == 0) target = fuzz_boot;
  else if (strcmp(name, "certificates") == 0) target = fuzz_certificates;
  else if (strcmp(name, "handshake") == 0) target = fuzz_handshake;
  else {
    fuzz_script_open(name);
    target = fuzz_script;
  }
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  target(data, size);
  return 0;
}
