/* What stands on the disk when the agent starts, after an update or half of one. */

#include "fuzz.h"
#include "update_file.h"

#include <string.h>

/* The file "boot". Which program runs next follows from it, so nothing may be read in two ways. */
void fuzz_boot(const uint8_t *data, size_t size) {
  struct boot boot;
  if (!boot_parse((const char *)data, size, &boot)) return;
  char text[boot_bytes_max];
  size_t length = boot_format(&boot, text);
  if (length != size || memcmp(text, data, size) != 0) fuzz_fail("a file that is not as it is written");
  if (strspn(boot.current, "0123456789abcdef-") != strlen(boot.current)) fuzz_fail("an image of another name");
  if (fuzz_planted && boot.failed[0] == '-' && boot.reason[0] != '-') fuzz_fail("the planted fault");
}
