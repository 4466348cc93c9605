/* The probe tries the mechanisms themselves; version numbers lie on kernels with backports. */

#include "sandbox_probe.h"

#include "kernel_calls.h"
#include "sandbox.h"
#include "sandbox_cgroup.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

static void set_reason(struct feature *feature, int failure) {
  feature->available = failure == 0;
  snprintf(feature->reason, sizeof(feature->reason), "%s", failure == 0 ? "" : strerror(failure));
}

/* Namespaces and the mount calls can only be tried in a process that is then thrown away. */
static int try_namespaces(void) {
  pid_t pid = fork();
  if (pid < 0) return errno;
  if (pid == 0) {
    int flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
                CLONE_NEWUTS | CLONE_NEWCGROUP;
    if (unshare(flags) != 0) _exit(errno);
    /* Security modules let an ordinary user make namespaces, and then nothing in them. */
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) _exit(errno);
    _exit(sethostname("sandbox", 7) == 0 ? 0 : errno);
  }
  int status;
  if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return EIO;
  return WEXITSTATUS(status);
}

/* With a bad descriptor a call that exists says EBADF, and one that does not says ENOSYS. */
static int try_mount_calls(void) {
  struct open_how how = {0};
  if (call_mount_setattr(-1, 0, 0) != 0 && errno == ENOSYS) return ENOSYS;
  if (call_openat2(-1, "x", &how) < 0 && errno == ENOSYS) return ENOSYS;
  if (call_move_mount(-1, -1, "x") != 0 && errno == ENOSYS) return ENOSYS;
  return 0;
}

static int try_process_calls(void) {
  if (syscall(SYS_close_range, ~0U, ~0U, 0) != 0 && errno == ENOSYS) return ENOSYS;
  if (syscall(SYS_clone3, NULL, 0) != 0 && errno == ENOSYS) return ENOSYS;
  return 0;
}

static int try_seccomp(void) {
  uint32_t action = SECCOMP_RET_KILL_PROCESS;
  return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0 ? 0 : errno;
}

enum { NAMESPACES, MOUNT_CALLS, PROCESS_CALLS, SECCOMP, LANDLOCK, CGROUP };

static struct feature features[features_count] = {
    [NAMESPACES] = {.name = "namespaces", .required = true},
    [MOUNT_CALLS] = {.name = "mounts", .required = true},
    [PROCESS_CALLS] = {.name = "processes", .required = true},
    [SECCOMP] = {.name = "seccomp", .required = true},
    [LANDLOCK] = {.name = "landlock"},
    [CGROUP] = {.name = "cgroup"},
};

const struct feature *sandbox_probe(void) {
  static bool probed;
  if (probed) return features;
  probed = true;
  set_reason(&features[NAMESPACES], try_namespaces());
  set_reason(&features[MOUNT_CALLS], try_mount_calls());
  set_reason(&features[PROCESS_CALLS], try_process_calls());
  set_reason(&features[SECCOMP], try_seccomp());
  /* ENOSYS: not in this kernel. EOPNOTSUPP: not among those that it was booted with. */
  set_reason(&features[LANDLOCK], landlock_abi() > 0 ? 0 : errno);
  struct feature *cgroup = &features[CGROUP];
  cgroup->available = cgroup_prepare(cgroup->reason, sizeof(cgroup->reason));
  if (cgroup->available) cgroup->reason[0] = '\0';
  return features;
}

const char *sandbox_level(void) {
  const struct feature *all = sandbox_probe();
  bool strict = true;
  for (size_t i = 0; i < features_count; i++) {
    if (all[i].required && !all[i].available) return "refused";
    strict = strict && all[i].available;
  }
  return strict ? "strict" : "standard";
}

bool sandbox_has_cgroup(void) { return sandbox_probe()[CGROUP].available; }
