/*
 * clone3 into new namespaces, then exec of this same binary as init. Between the two the child has a
 * copy of a process with threads: it may make system calls, and nothing else.
 */

#include "sandbox_spawn.h"

#include "kernel_calls.h"
#include "modes.h"
#include "sandbox_cgroup.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
  setup_ms_max = 15000,
  /* Above what distributions and systemd hand out: each step of a root agent gets a user of its own
   * that owns nothing. https://systemd.io/UIDS-GIDS */
  first_step_user = 0x70000000,
  step_users = 65536,
};

/* What init needs to build the sandbox; it gives them all up before it serves. */
static const int init_capabilities[] = {
    CAP_SYS_ADMIN, /* mounts, the host name */
    CAP_SYS_CHROOT, /* the root of a board that runs from its initramfs */
    CAP_NET_ADMIN, /* the loopback */
    CAP_NET_BIND_SERVICE, /* a listener below port 1024 */
    CAP_SETPCAP, /* the bounding set and the securebits */
};

static int image = -1; /* the running binary, also after its file was replaced */
static unsigned users_given;

/* Moves a descriptor out of the way of those that the child sets up. */
static int lift(int descriptor) {
  int lifted = fcntl(descriptor, F_DUPFD_CLOEXEC, 10);
  close(descriptor);
  return lifted;
}

int sandbox_spawn_prepare(void) {
  image = lift(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (image < 0) return errno;
  /* Root needs no further groups, and a step would inherit them. */
  if (geteuid() == 0 && setgroups(0, NULL) != 0) return errno;
  return 0;
}

/* --- in the child ------------------------------------------------------------------------------------ */

struct child {
  int control, spec, out, error; /* all at 10 or above */
  int cpu_stat; /* as well, or -1 */
  char *argv[3];
  char *environment[1];
};

/* Makes the capabilities survive exec for a user that is not root. */
static bool keep_capabilities(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  memset(data, 0, sizeof(data));
  size_t count = sizeof(init_capabilities) / sizeof(init_capabilities[0]);
  for (size_t i = 0; i < count; i++) {
    uint32_t bit = 1u << (init_capabilities[i] % 32);
    struct __user_cap_data_struct *half = &data[init_capabilities[i] / 32];
    half->permitted |= bit;
    half->effective |= bit;
    half->inheritable |= bit;
  }
  if (syscall(SYS_capset, &header, data) != 0) return false;
  for (size_t i = 0; i < count; i++) {
    if (syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, init_capabilities[i], 0, 0) != 0) {
      return false;
    }
  }
  return true;
}

/* Exits with an errno as its status, as there is no other way to tell. */
_Noreturn static void run_child(const struct child *child) {
  char go = 0;
  /* The agent writes the user map first. No byte: it died. */
  while (syscall(SYS_read, child->control, &go, 1) < 0 && errno == EINTR) continue;
  bool ready = go == CONTROL_GO;
  ready = ready && syscall(SYS_setresgid, SANDBOX_USER, SANDBOX_USER, SANDBOX_USER) == 0;
  ready = ready && syscall(SYS_setresuid, SANDBOX_USER, SANDBOX_USER, SANDBOX_USER) == 0;
  ready = ready && keep_capabilities();
  ready = ready && syscall(SYS_dup3, child->out, 1, 0) >= 0;
  ready = ready && syscall(SYS_dup3, child->error, 2, 0) >= 0;
  ready = ready && syscall(SYS_dup3, child->control, INIT_CONTROL, 0) >= 0;
  ready = ready && syscall(SYS_dup3, child->spec, INIT_SPEC, 0) >= 0;
  if (child->cpu_stat >= 0) {
    ready = ready && syscall(SYS_dup3, child->cpu_stat, INIT_CPU_STAT, 0) >= 0;
  }
  /* Anything else that is open without close-on-exec, whoever opened it. */
  int last = child->cpu_stat >= 0 ? INIT_CPU_STAT : INIT_SPEC;
  ready = ready && syscall(SYS_close_range, last + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
  if (ready) syscall(SYS_execveat, image, "", child->argv, child->environment, AT_EMPTY_PATH);
  syscall(SYS_exit_group, errno == 0 ? EIO : errno);
  __builtin_unreachable();
}

/* --- in the agent ---------------------------------------------------------------------------------- */

static bool write_map(pid_t pid, const char *name, const char *text) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  ssize_t count = write(file, text, strlen(text));
  int failure = errno;
  close(file);
  errno = failure;
  return count == (ssize_t)strlen(text);
}

/* One user and one group inside stand for one outside; no others exist in the sandbox. */
static bool write_maps(pid_t pid, uid_t user, gid_t group) {
  char users[48], groups[48];
  snprintf(users, sizeof(users), "%d %u 1", SANDBOX_USER, user);
  snprintf(groups, sizeof(groups), "%d %u 1", SANDBOX_USER, group);
  /* Needed for an ordinary user's group map, and right in any case: user_namespaces(7). */
  return write_map(pid, "setgroups", "deny") && write_map(pid, "uid_map", users) &&
         write_map(pid, "gid_map", groups);
}

static pid_t clone_child(const struct child *child, struct spawned *spawned) {
  struct clone_args args = {
      .flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
               CLONE_NEWUTS | CLONE_PIDFD,
      .pidfd = (uintptr_t)&spawned->process,
      .exit_signal = SIGCHLD,
  };
  if (spawned->cgroup >= 0) {
    /* In the leaf from its first instruction: no page is ever charged elsewhere. */
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = (uint64_t)spawned->cgroup;
  }
  /* No handler of the agent's may run in the child. exec keeps the mask, and init sets its own. */
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &before);
  pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
  if (pid == 0) run_child(child);
  int failure = errno;
  sigprocmask(SIG_SETMASK, &before, NULL);
  errno = failure;
  return pid;
}

/* Takes the descriptors out of a READY report. */
static void take_descriptors(struct msghdr *message, struct spawned *spawned) {
  int received[2] = {-1, -1};
  struct cmsghdr *header = CMSG_FIRSTHDR(message);
  if (header != NULL && header->cmsg_type == SCM_RIGHTS) {
    size_t bytes = header->cmsg_len - CMSG_LEN(0);
    memcpy(received, CMSG_DATA(header), bytes < sizeof(received) ? bytes : sizeof(received));
  }
  spawned->work = received[0];
  spawned->listener = received[1];
}

/* Waits for init's word on the set-up; an errno when it failed or fell silent. */
static int receive_outcome(struct spawned *spawned, char *what, size_t what_size) {
  struct report report;
  struct iovec part = {&report, sizeof(report)};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(2 * sizeof(int))];
  } control;
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control};
  message.msg_controllen = sizeof(control);
  struct pollfd wait = {.fd = spawned->control, .events = POLLIN};
  snprintf(what, what_size, "setting up the sandbox");
  if (poll(&wait, 1, setup_ms_max) != 1) return ETIMEDOUT;
  ssize_t count = recvmsg(spawned->control, &message, MSG_CMSG_CLOEXEC);
  if (count == (ssize_t)sizeof(report) && report.kind == REPORT_READY) {
    take_descriptors(&message, spawned);
    return 0;
  }
  if (count == (ssize_t)sizeof(report) && report.kind == REPORT_FAILED) {
    snprintf(what, what_size, "sandbox: %.119s", report.what);
    return report.failure == 0 ? EIO : report.failure;
  }
  /* Ended without a word: before init ran, the exit status is an errno. */
  int status;
  snprintf(what, what_size, "starting init of the sandbox");
  if (waitpid(spawned->pid, &status, 0) != spawned->pid) return EIO;
  spawned->pid = -1;
  return WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : EIO;
}

/* What a held init says when it is done or at fault; an errno for the latter. */
static int receive_report(struct spawned *spawned, char *what, size_t what_size) {
  struct report report;
  struct pollfd wait = {.fd = spawned->control, .events = POLLIN};
  snprintf(what, what_size, "starting the step");
  if (poll(&wait, 1, setup_ms_max) != 1) return ETIMEDOUT;
  ssize_t count = recv(spawned->control, &report, sizeof(report), 0);
  if (count != (ssize_t)sizeof(report)) return EIO;
  if (report.kind == REPORT_READY) return 0;
  snprintf(what, what_size, "sandbox: %.119s", report.what);
  return report.failure == 0 ? EIO : report.failure;
}

int sandbox_spawn_begin(struct spawned *spawned, char *what, size_t what_size) {
  const char begin = CONTROL_BEGIN;
  /* A send that fails means that init has ended, and has said why. */
  send(spawned->control, &begin, 1, MSG_NOSIGNAL);
  return receive_report(spawned, what, what_size);
}

int sandbox_spawn_place(struct spawned *spawned, const char *path, const uint8_t *data, size_t length,
                        char *what, size_t what_size) {
  static char packet[packet_bytes_max];
  size_t head = strlen(path) + 2;
  snprintf(what, what_size, "placing a file");
  if (head >= sizeof(packet)) return ENAMETOOLONG;
  packet[0] = CONTROL_PLACE;
  memcpy(packet + 1, path, head - 1);
  size_t done = 0;
  do {
    size_t part = length - done < sizeof(packet) - head ? length - done : sizeof(packet) - head;
    if (part > 0) memcpy(packet + head, data + done, part);
    if (send(spawned->control, packet, head + part, MSG_NOSIGNAL) < 0) {
      return receive_report(spawned, what, what_size);
    }
    done += part;
  } while (done < length);
  return 0;
}

static int start(const struct child *child, struct spawned *spawned, uid_t user, gid_t group,
                 char *what, size_t what_size) {
  const char go = CONTROL_GO;
  snprintf(what, what_size, "making the namespaces");
  /* So that a step can open its own /dev/stdout: a pipe has an owner too. */
  bool owned = geteuid() != 0 ||
               (fchown(child->out, user, group) == 0 && fchown(child->error, user, group) == 0);
  spawned->pid = owned ? clone_child(child, spawned) : -1;
  int failure = errno;
  /* The child's ends; ours would keep the streams open. */
  close(child->control);
  close(child->out);
  close(child->error);
  if (child->cpu_stat >= 0) close(child->cpu_stat);
  if (spawned->pid < 0) return failure;
  snprintf(what, what_size, "mapping the step's user");
  if (!write_maps(spawned->pid, user, group)) return errno;
  if (send(spawned->control, &go, 1, MSG_NOSIGNAL) != 1) return errno;
  return receive_outcome(spawned, what, what_size);
}

/* All channels between agent and init; an errno when one could not be made. */
static int open_channels(int spec, struct child *child, struct spawned *spawned) {
  int control[2] = {-1, -1}, out[2] = {-1, -1}, error[2] = {-1, -1}, cpu_stat = -1;
  if (spawned->cgroup >= 0) cpu_stat = openat(spawned->cgroup, "cpu.stat", O_RDONLY | O_CLOEXEC);
  bool made = spawned->cgroup < 0 || cpu_stat >= 0;
  made = made && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) == 0;
  made = made && pipe2(out, O_CLOEXEC) == 0 && pipe2(error, O_CLOEXEC) == 0;
  int failure = errno;
  spawned->control = control[0];
  spawned->out = out[0];
  spawned->error = error[0];
  if (made) {
    *child = (struct child){lift(control[1]), spec, lift(out[1]), lift(error[1]),
                            cpu_stat < 0 ? -1 : lift(cpu_stat), {0}, {0}};
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    fcntl(error[0], F_SETFL, O_NONBLOCK);
    return 0;
  }
  const int ends[] = {control[1], out[1], error[1], cpu_stat};
  for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
    if (ends[i] >= 0) close(ends[i]);
  }
  return failure;
}

int sandbox_spawn(int spec, const struct sandbox_limits *limits, bool use_cgroup,
                  struct spawned *spawned, char *what, size_t what_size) {
  struct child child;
  *spawned = (struct spawned){-1, -1, -1, -1, -1, -1, -1, -1, ""};
  bool root = geteuid() == 0;
  uid_t user = root ? first_step_user + users_given++ % step_users : geteuid();
  gid_t group = root ? user : getegid();
  int lifted = fcntl(spec, F_DUPFD_CLOEXEC, 10);
  snprintf(what, what_size, "making the step's cgroup");
  if (use_cgroup) {
    spawned->cgroup = cgroup_make_leaf(limits, spawned->cgroup_name, sizeof(spawned->cgroup_name));
  }
  int failure = use_cgroup && spawned->cgroup < 0 ? errno : 0;
  if (failure == 0) {
    snprintf(what, what_size, "opening channels");
    failure = open_channels(lifted, &child, spawned);
  }
  if (failure == 0) {
    child.argv[0] = "cohort-agent";
    child.argv[1] = sandbox_init_mode;
    failure = start(&child, spawned, user, group, what, what_size);
  }
  close(lifted);
  if (failure == 0) return 0;
  struct cgroup_usage usage = {0};
  if (spawned->cgroup >= 0) cgroup_measure(spawned->cgroup, &usage);
  if (usage.memory_killed) {
    snprintf(what, what_size, "the sandbox does not fit the step's memory limit");
    failure = ENOMEM;
  }
  if (spawned->pid > 0) {
    kill(spawned->pid, SIGKILL);
    waitpid(spawned->pid, NULL, 0);
  }
  sandbox_spawn_free(spawned);
  return failure;
}

void sandbox_spawn_free(struct spawned *spawned) {
  int *const descriptors[] = {&spawned->process,  &spawned->control, &spawned->out,
                              &spawned->error,    &spawned->listener, &spawned->work};
  for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++) {
    if (*descriptors[i] >= 0) close(*descriptors[i]);
    *descriptors[i] = -1;
  }
  if (spawned->cgroup >= 0) cgroup_remove_leaf(spawned->cgroup, spawned->cgroup_name);
  spawned->cgroup = -1;
}
