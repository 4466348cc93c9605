/* Limits of single processes, and the end of all privilege. */

#include "sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As a part of the memory limit: how far one process may overshoot before the watchdog looks. */
enum { overshoot_divisor = 4 };
enum { stack_bytes = 8 * 1024 * 1024, step_niceness = 5, page_bytes_max = 64 * 1024 };

/* What the kernel gave is kept where it is less, as only the host's root could raise it: it counts
 * processes and signals by the machine's memory, and small boards have little. */
static int set_limit(int resource, uint64_t value) {
  struct rlimit given;
  if (getrlimit(resource, &given) != 0) return -1;
  uint64_t lower = value < given.rlim_max ? value : given.rlim_max;
  struct rlimit limit = {lower, lower};
  return setrlimit(resource, &limit);
}

int sandbox_set_limits(const struct sandbox_spec *spec) {
  const struct sandbox_limits *limits = &spec->limits;
  sandbox_trying("setting limits");
  /* A core dump would hold the step's data, and disk. */
  if (set_limit(RLIMIT_CORE, 0) != 0) return -1;
  if (set_limit(RLIMIT_MEMLOCK, 0) != 0 || set_limit(RLIMIT_MSGQUEUE, 0) != 0) return -1;
  if (set_limit(RLIMIT_RTPRIO, 0) != 0 || set_limit(RLIMIT_SIGPENDING, 1024) != 0) return -1;
  if (set_limit(RLIMIT_NOFILE, limits->open_files) != 0) return -1;
  /* Of files with holes, as all others are ended by the disk: an error that programs know to handle. */
  if (set_limit(RLIMIT_FSIZE, limits->disk_bytes + page_bytes_max) != 0) return -1;
  /* A stack that may grow for ever changes where everything else lies. */
  if (set_limit(RLIMIT_STACK, stack_bytes) != 0 || set_limit(RLIMIT_NICE, 0) != 0) return -1;
  /* Counted in the step's own user namespace (Linux 5.14), where init is the one more. Behind a cgroup
   * it is the second wall, one further off: the first counts what it refuses. */
  if (set_limit(RLIMIT_NPROC, (uint64_t)limits->pids + (spec->counted ? 2 : 1)) != 0) return -1;
  if (spec->counted) return 0;
  /* In place of cpu.max: the agent must get to send its heartbeats. */
  if (setpriority(PRIO_PROCESS, 0, step_niceness) != 0) return -1;
  /* Private writable memory only, since runtimes reserve far more address space than they use. The
   * margin lets the watchdog see the excess and say so, where a failed malloc would tell nothing. */
  return set_limit(RLIMIT_DATA, limits->memory_bytes + limits->memory_bytes / overshoot_divisor);
}

int sandbox_drop_capabilities(void) {
  sandbox_trying("dropping capabilities");
  /* The bounding set: what a set-user-id or capable file could still bring. */
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return -1;
  }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return -1;
  /* Being root, or becoming it, shall mean nothing; and the rule itself is locked. */
  unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                       SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                       SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  if (prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) != 0) return -1;
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[2];
  memset(none, 0, sizeof(none));
  if (syscall(SYS_capset, &header, none) != 0) return -1;
  /* No exec gives privilege from here on; also what lets an unprivileged process set a filter. */
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
