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
/* True when the kernel killed for memory in the leaf; `peak` is untouched where it keeps none. */
bool cgroup_memory_killed(int leaf, uint64_t *peak);
/* Removes the leaf, whose processes are gone, and closes the descriptor. */
void cgroup_remove_leaf(int leaf, const char *name);

#endif
