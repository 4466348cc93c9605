/*
 * The sandbox of one step, in two processes that share this binary:
 *
 *   agent                                  init (pid 1 of the sandbox, `cohort-agent sandbox-init`)
 *   sandbox_spawn.c  --clone3, exec-->     sandbox_init.c
 *     spec in a memfd (sandbox_spec.c)       sandbox_mounts.c, sandbox_network.c
 *     control socket               <------   READY with /work and the listener, or FAILED
 *                                            sandbox_step.c: limits, capabilities, Landlock, seccomp
 *                                  <------   ENDED (sandbox_watch.c: memory and processor time)
 *
 * init is a fresh program image, as a mere fork would carry the agent's memory, keys and all, to
 * where a step lives.
 */
#ifndef COHORT_SANDBOX_H
#define COHORT_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* --- the spec: what the agent asks for ------------------------------------------------------------ */

struct sandbox_limits {
  uint64_t memory_bytes;
  uint64_t disk_bytes;
  uint64_t cpu_ms;
  uint32_t pids;
  uint32_t open_files;
};

struct sandbox_file {
  const char *name;
  const uint8_t *data;
  uint32_t length;
};

/* Everything in it points into the memfd that it was read from. */
struct sandbox_spec {
  struct sandbox_limits limits;
  uint32_t listen_port;
  bool counted; /* a cgroup counts and limits what the step uses; else init does */
  bool held; /* the step waits for CONTROL_BEGIN; until then files may be placed */
  char **argv; /* NULL at the end */
  char **environment;
  char **read_only;
  struct sandbox_file *files;
  uint32_t files_count;
};

/* Writing, in the agent: fields first, then each list in the order of the struct. */
void spec_write_header(FILE *out, const struct sandbox_spec *spec);
void spec_write_count(FILE *out, uint32_t count);
void spec_write_blob(FILE *out, const void *data, uint32_t length);
/* Reading, in init. False when the descriptor holds no whole spec. */
bool spec_read(int descriptor, struct sandbox_spec *spec);

/* --- the control socket (SOCK_SEQPACKET) ------------------------------------------------------------ */

enum report_kind { REPORT_READY = 1, REPORT_FAILED, REPORT_ENDED };
/* The limit that ended a step, or that it had met when it failed. */
enum killed_by { KILLED_BY_NONE, KILLED_BY_MEMORY, KILLED_BY_CPU, KILLED_BY_DISK, KILLED_BY_PIDS };

struct report {
  uint32_t kind;
  int32_t failure; /* errno of REPORT_FAILED */
  char what[120]; /* what failed */
  int32_t status; /* as wait(2), of REPORT_ENDED */
  uint32_t killed; /* enum killed_by */
  uint64_t cpu_us;
  uint64_t memory_peak_bytes;
};

/*
 * The first byte of each packet from the agent to init. A file to place is the packet's path, ended by
 * a zero byte, and what is to be appended to it.
 */
enum {
  CONTROL_GO = 'G',
  CONTROL_BEGIN = 'B',
  CONTROL_PLACE = 'P',
  CONTROL_TERMINATE = 'T', /* the step's first process is asked to end */
  CONTROL_KILL = 'K', /* all of them end */
};
enum { packet_bytes_max = 64 * 1024 };

/* Descriptors that init starts with; the last one is the cgroup's cpu.stat, where there is one. */
enum { INIT_CONTROL = 3, INIT_SPEC = 4, INIT_CPU_STAT = 5 };

/* User and group of the step, inside. Any number that is not 0 will do; this is the customary one. */
enum { SANDBOX_USER = 1000 };

/* --- stages of init; each returns 0 or -1 with errno and `sandbox_failed` set -------------------------- */

/* What was being tried last: "mounting /work". Static storage. */
extern char sandbox_stage[120];
void sandbox_trying(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Leaves the process in a new root with /work as its folder; `*work` is an O_PATH descriptor of it. */
int sandbox_mount_all(const struct sandbox_spec *spec, int *work);
/* Brings the loopback up; `*listener` is -1 for port 0. */
int sandbox_open_network(uint32_t listen_port, int *listener);
/* Places files in /work until the agent says that the step may begin; ends the process when it says
 * otherwise. */
int sandbox_wait_for_begin(int control);
/* Turns the calling process into the step. Returns only on failure. */
int sandbox_become_step(const struct sandbox_spec *spec);
int sandbox_set_limits(const struct sandbox_spec *spec);
/* Gives up every capability for good, also those that a program file could bring. */
int sandbox_drop_capabilities(void);
int sandbox_restrict_files(const struct sandbox_spec *spec);
/* 0 where the kernel has none. */
int landlock_abi(void);
int sandbox_filter_calls(void);

/* --- usage of all processes in init's namespace -------------------------------------------------------- */

struct usage {
  uint64_t memory_bytes; /* anonymous, shared and swapped; file pages are the kernel's to reclaim */
  uint64_t cpu_us; /* of the living; what init has reaped is not in it */
  uint32_t tasks; /* threads of all processes, as the limit counts them */
};

/* Opens a view of /proc that no step can hide from. -1 with errno. */
int usage_open(void);
int usage_measure(int proc, struct usage *usage);
/* What a cgroup's cpu.stat says of all its processes, the buried too. */
int usage_of_cgroup(int cpu_stat, uint64_t *cpu_us);

/* What /work and /tmp hold. */
struct disk_usage {
  uint64_t bytes;
  bool full; /* not one more page, or not one more file */
};

int disk_measure(struct disk_usage *usage);

#endif
