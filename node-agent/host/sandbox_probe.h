/* What this kernel gives to build sandboxes with. */
#ifndef COHORT_SANDBOX_PROBE_H
#define COHORT_SANDBOX_PROBE_H

#include <stdbool.h>
#include <stddef.h>

struct feature {
  const char *name;
  bool available;
  bool required; /* without it no sandbox is made at all */
  char reason[120]; /* empty when available */
};

enum { features_count = 6 };

/* Computed once; the first call also prepares the agent's cgroup. */
const struct feature *sandbox_probe(void);
/* "strict", "standard" or "refused". */
const char *sandbox_level(void);
bool sandbox_has_cgroup(void);

#endif
