/* A leaf of cgroup v2 for each step, where this process has been given a subtree to manage. */
#ifndef COHORT_SANDBOX_CGROUP_H
#define COHORT_SANDBOX_CGROUP_H

#include "sandbox.h"

/*
 * Makes the agent's own cgroup fit to hold leaves; once, at start. True on success; otherwise
 * `reason` says what is missing (static text or an errno's text).
 */
bool cgroup_prepare(char *reason, size_t reason_size);
/* A new leaf with its limits set. Returns a descriptor of it and its name; -1 with errno. */
int cgroup_make_leaf(const struct sandbox_limits *limits, char *name, size_t name_size);
struct cgroup_usage {
  bool memory_killed; /* the kernel killed in the leaf, for want of memory */
  bool tasks_refused; /* the step wanted more processes than its limit */
  uint64_t memory_peak_bytes; /* 0 where the kernel keeps none */
  uint64_t cpu_us;
};

/* What a leaf's processes have used, also when they are gone; 0 for what the kernel does not tell. */
void cgroup_measure(int leaf, struct cgroup_usage *usage);
/* Removes the leaf, whose processes are gone, and closes the descriptor. */
void cgroup_remove_leaf(int leaf, const char *name);

#endif
