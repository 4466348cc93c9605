/* Starting a sandbox, from the agent's side. */
#ifndef COHORT_SANDBOX_SPAWN_H
#define COHORT_SANDBOX_SPAWN_H

#include "sandbox.h"

#include <sys/types.h>

/* Every descriptor is owned by whoever holds the struct; -1 for none. */
struct spawned {
  pid_t pid; /* init, to be waited for */
  int process; /* pidfd of init; readable when it has ended */
  int control;
  int out; /* the step's output, non-blocking */
  int error;
  int listener;
  int work; /* O_PATH of /work */
  int cgroup; /* the step's leaf */
  char cgroup_name[48];
};

/* Called once at start: keeps the running image reachable, and drops what no step may inherit. */
int sandbox_spawn_prepare(void);
/*
 * Starts the step that the memfd `spec` describes; `use_cgroup` says what gives the memory limit.
 * Borrows the descriptor. Returns 0, or an errno with `what` saying what failed.
 */
int sandbox_spawn(int spec, const struct sandbox_limits *limits, bool use_cgroup,
                  struct spawned *spawned, char *what, size_t what_size);
/*
 * For a step that is held: adds a file's bytes to the end of it, and lets the step begin. Each returns
 * 0, or an errno with `what` saying what failed; init has ended then.
 */
int sandbox_spawn_place(struct spawned *spawned, const char *path, const uint8_t *data, size_t length,
                        char *what, size_t what_size);
int sandbox_spawn_begin(struct spawned *spawned, char *what, size_t what_size);
/* Closes what is still open and removes the cgroup. init must have ended. */
void sandbox_spawn_free(struct spawned *spawned);

#endif
