/* UTF-8 sequences: https://encoding.spec.whatwg.org/#utf-8-decoder */

#include "utf8.h"

int utf8_sequence(const uint8_t *data, size_t length) {
  uint8_t first = data[0];
  if (first < 0x80) return 1;
  int needed = first >= 0xc2 && first <= 0xdf ? 1 : (first & 0xf0) == 0xe0 ? 2 : 3;
  if (first < 0xc2 || first > 0xf4) return -1;
  /* The second byte's range shuts out overlong forms, surrogates, and what lies past U+10FFFF. */
  uint8_t lower = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  uint8_t upper = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  for (int i = 1; i <= needed; i++) {
    if ((size_t)i == length) return 0;
    if (data[i] < lower || data[i] > upper) return -i;
    lower = 0x80;
    upper = 0xbf;
  }
  return needed + 1;
}
