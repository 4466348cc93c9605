/*
 * What an update has written down for the next start: the file "boot" in the folder "update" of the
 * agent's data. The agent's TypeScript writes it too (src/update/boot-file.ts).
 */
#ifndef COHORT_UPDATE_FILE_H
#define COHORT_UPDATE_FILE_H

#include <stdbool.h>
#include <stddef.h>

enum { image_name_length = 64, boot_bytes_max = 512, boot_word_max = 64 };

struct boot {
  char base[boot_word_max + 1];       /* version of the installed binary that all this stands over */
  char current[image_name_length + 1]; /* image that runs, by its SHA-256 in hex; "-": the installed one */
  char trial[image_name_length + 1];  /* image that is to prove itself, or "-" */
  unsigned starts;                    /* of the trial */
  unsigned confirm_seconds;           /* that each of them has */
  char failed[image_name_length + 1]; /* the last image that did not prove itself, or "-" */
  char reason[boot_word_max + 1];     /* why: "late", "crashed" or "unusable"; or "-" */
};

/* False for anything but exactly what boot_format gives. */
bool boot_parse(const char *text, size_t length, struct boot *out);
/* The length, below boot_bytes_max. */
size_t boot_format(const struct boot *boot, char text[boot_bytes_max]);

/* False where there is no such file, or none that is one. */
bool boot_read(const char *folder, struct boot *out);
/* Replaces it at once and for good; false with errno. */
bool boot_write(const char *folder, const struct boot *boot);

#endif
