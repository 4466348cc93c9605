/*
 * Process 1 of a sandbox: builds it, starts the step in it, adopts and buries what the step leaves
 * behind, watches the limits that no kernel counter holds, and ends with the step's first process.
 * The kernel then kills the rest of the namespace: nothing outlives its step.
 */

#include "modes.h"
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { watch_ms = 100 };

char sandbox_stage[120] = "starting";

void sandbox_trying(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(sandbox_stage, sizeof(sandbox_stage), format, arguments);
  va_end(arguments);
}

static void send_report(int descriptor, const struct report *report) {
  /* Nobody to hear it: the agent is gone, and so is this process in a moment. */
  if (send(descriptor, report, sizeof(*report), MSG_NOSIGNAL) < 0) _exit(1);
}

static struct report failure_report(void) {
  struct report report = {.kind = REPORT_FAILED, .failure = errno};
  memcpy(report.what, sandbox_stage, sizeof(report.what));
  return report;
}

_Noreturn static void fail(void) {
  struct report report = failure_report();
  send_report(INIT_CONTROL, &report);
  _exit(1);
}

/* READY, with the folder of the workspace and the listener (if any) as passed descriptors. */
static void send_descriptors(int work, int listener) {
  struct report report = {.kind = REPORT_READY};
  struct iovec part = {&report, sizeof(report)};
  int descriptors[2] = {work, listener};
  size_t bytes = listener < 0 ? sizeof(int) : sizeof(descriptors);
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(descriptors))];
  } control;
  memset(&control, 0, sizeof(control));
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control};
  message.msg_controllen = CMSG_SPACE(bytes);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(bytes);
  memcpy(CMSG_DATA(header), descriptors, bytes);
  sandbox_trying("reporting to the agent");
  if (sendmsg(INIT_CONTROL, &message, MSG_NOSIGNAL) < 0) fail();
}

static void send_ready(void) {
  struct report report = {.kind = REPORT_READY};
  send_report(INIT_CONTROL, &report);
}

/* Ties this process to the agent's life, and out of reach of the step's. */
static void bind_lives(void) {
  sandbox_trying("preparing init");
  /* Before the host's own processes when memory runs out; the agent must survive its steps. */
  int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (score < 0 || write(score, "1000", 4) != 4) fail();
  close(score);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) fail();
  /* The agent may have died before that took effect; its end of the socket is then closed. */
  struct pollfd control = {.fd = INIT_CONTROL};
  if (poll(&control, 1, 0) < 0 || (control.revents & POLLHUP) != 0) _exit(1);
  /* Has the step's user; without this its memory and descriptors would be open to the step. */
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) fail();
}

/* Forks the step. A failure up to its exec comes back through a pipe that exec closes. */
static pid_t start_step(const struct sandbox_spec *spec) {
  int outcome[2];
  struct report report;
  sandbox_trying("starting the step");
  if (pipe2(outcome, O_CLOEXEC) != 0) fail();
  pid_t step = fork();
  if (step < 0) fail();
  if (step == 0) {
    sandbox_become_step(spec);
    report = failure_report();
    if (write(outcome[1], &report, sizeof(report)) < 0) _exit(126);
    _exit(127);
  }
  close(outcome[1]);
  ssize_t count = read(outcome[0], &report, sizeof(report));
  close(outcome[0]);
  if (count == 0) return step;
  if (count == (ssize_t)sizeof(report)) send_report(INIT_CONTROL, &report);
  _exit(1);
}

struct watch {
  const struct sandbox_spec *spec;
  int proc; /* without a cgroup */
  pid_t step;
  int status; /* of the step, once it has ended */
  bool ended;
  enum killed_by killed;
  uint64_t cpu_us;
  uint64_t memory_peak_bytes;
  bool disk_was_full;
  bool tasks_were_all;
};

static uint64_t microseconds(struct timeval time) {
  return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

static uint64_t buried_cpu_us(void) {
  struct rusage usage;
  if (getrusage(RUSAGE_CHILDREN, &usage) != 0) return 0;
  return microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
}

static void end_all(struct watch *watch) {
  kill(-1, SIGKILL);
  watch->ended = true;
  watch->status = SIGKILL;
}

/* What no cgroup counts. What /work and /tmp hold is memory, as a cgroup would have it. */
static void look_at_processes(struct watch *watch, uint64_t disk_bytes) {
  struct usage usage;
  if (usage_measure(watch->proc, &usage) != 0) _exit(1);
  uint64_t cpu_us = usage.cpu_us + buried_cpu_us();
  uint64_t memory_bytes = usage.memory_bytes + disk_bytes;
  /* What was burnt by a process that nobody waited for is not taken back when it is gone. */
  if (cpu_us > watch->cpu_us) watch->cpu_us = cpu_us;
  if (memory_bytes > watch->memory_peak_bytes) watch->memory_peak_bytes = memory_bytes;
  /* A step that has ended was one of them until then. */
  if (usage.tasks + watch->ended >= watch->spec->limits.pids) watch->tasks_were_all = true;
  if (memory_bytes > watch->spec->limits.memory_bytes) watch->killed = KILLED_BY_MEMORY;
}

/* A sandbox whose use cannot be measured is one without limits: it ends. */
static void look(struct watch *watch) {
  struct disk_usage disk;
  if (disk_measure(&disk) != 0) _exit(1);
  if (disk.full) watch->disk_was_full = true;
  if (!watch->spec->counted) look_at_processes(watch, disk.bytes);
  else if (usage_of_cgroup(INIT_CPU_STAT, &watch->cpu_us) != 0) _exit(1);
  bool over = watch->cpu_us > watch->spec->limits.cpu_ms * 1000;
  if (over && watch->killed == KILLED_BY_NONE) watch->killed = KILLED_BY_CPU;
}

static void bury(struct watch *watch) {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    if (pid != watch->step || watch->ended) continue;
    watch->status = status;
    watch->ended = true;
  }
}

static void obey(struct watch *watch) {
  char command;
  ssize_t count = recv(INIT_CONTROL, &command, 1, MSG_DONTWAIT);
  if (count == 0) _exit(1);
  if (count != 1 || watch->ended) return;
  if (command == CONTROL_TERMINATE) kill(watch->step, SIGTERM);
  if (command == CONTROL_KILL) end_all(watch);
}

static uint64_t monotonic_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void watch_until_end(struct watch *watch, int signals) {
  uint64_t next_look = monotonic_ms() + watch_ms;
  while (!watch->ended) {
    struct pollfd waits[] = {{.fd = INIT_CONTROL, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    uint64_t now = monotonic_ms();
    poll(waits, 2, now < next_look ? (int)(next_look - now) : 0);
    struct signalfd_siginfo info;
    if (waits[1].revents != 0 && read(signals, &info, sizeof(info)) < 0) _exit(1);
    bury(watch);
    if (waits[0].revents != 0) obey(watch);
    if (!watch->ended && monotonic_ms() >= next_look) {
      look(watch);
      if (watch->killed != KILLED_BY_NONE) end_all(watch);
      next_look = monotonic_ms() + watch_ms;
    }
  }
}

/*
 * The limit that a step had met when it failed by itself: between two looks a process may meet it and
 * give up, and what is refused to a program is its own to handle.
 */
static enum killed_by limit_met(const struct watch *watch) {
  if (watch->status == 0) return KILLED_BY_NONE;
  const struct sandbox_limits *limits = &watch->spec->limits;
  if (!watch->spec->counted && watch->memory_peak_bytes > limits->memory_bytes) return KILLED_BY_MEMORY;
  /* RLIMIT_FSIZE is the size of the disk, and a little more. */
  bool file_too_large = WIFSIGNALED(watch->status) && WTERMSIG(watch->status) == SIGXFSZ;
  if (watch->disk_was_full || file_too_large) return KILLED_BY_DISK;
  return watch->tasks_were_all ? KILLED_BY_PIDS : KILLED_BY_NONE;
}

/* Ends what the step left running and waits for it, since only what is buried is counted in full. */
static void bury_all(void) {
  kill(-1, SIGKILL);
  while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) continue;
}

static void report_end(struct watch *watch) {
  struct rusage usage;
  bool killed = watch->killed != KILLED_BY_NONE;
  look(watch);
  bury_all();
  if (!watch->spec->counted && buried_cpu_us() > watch->cpu_us) watch->cpu_us = buried_cpu_us();
  if (watch->spec->counted && usage_of_cgroup(INIT_CPU_STAT, &watch->cpu_us) != 0) _exit(1);
  if (getrusage(RUSAGE_CHILDREN, &usage) == 0) {
    uint64_t largest = (uint64_t)usage.ru_maxrss * 1024;
    if (largest > watch->memory_peak_bytes) watch->memory_peak_bytes = largest;
  }
  if (!killed) watch->killed = limit_met(watch);
  struct report report = {.kind = REPORT_ENDED, .status = watch->status, .killed = watch->killed};
  report.cpu_us = watch->cpu_us;
  report.memory_peak_bytes = watch->memory_peak_bytes;
  send_report(INIT_CONTROL, &report);
}

static void stream_to_nowhere(int first, int last) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) fail();
  for (int stream = first; stream <= last; stream++) {
    if (dup2(null, stream) < 0) fail();
  }
  if (null > last) close(null);
}

int sandbox_init_main(void) {
  static struct sandbox_spec spec;
  int work, listener;
  if (getpid() != 1) {
    fputs("cohort-agent: sandbox-init is for the agent to start\n", stderr);
    return 2;
  }
  bind_lives();
  sandbox_trying("reading the spec");
  if (!spec_read(INIT_SPEC, &spec)) fail();
  close(INIT_SPEC);
  /* Here, as clone3 makes the agent's own cgroup the root of a new namespace, not the step's leaf. */
  sandbox_trying("entering a cgroup namespace");
  if (unshare(CLONE_NEWCGROUP) != 0) fail();
  sandbox_trying("naming the host");
  if (sethostname("sandbox", 7) != 0) fail();
  if (sandbox_mount_all(&spec, &work) != 0 || sandbox_open_network(spec.listen_port, &listener) != 0) {
    fail();
  }
  /* The agent's own input, a terminal perhaps, is not the step's to read. */
  sandbox_trying("closing the input");
  stream_to_nowhere(0, 0);
  sandbox_trying("watching processes");
  struct watch watch = {.spec = &spec, .proc = -1};
  if (!spec.counted && (watch.proc = usage_open()) < 0) fail();
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  if (sigprocmask(SIG_SETMASK, &children, NULL) != 0) fail();
  int signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) fail();
  if (spec.held) {
    send_descriptors(work, listener);
    if (sandbox_wait_for_begin(INIT_CONTROL) != 0) fail();
  }
  watch.step = start_step(&spec);
  /* The step's output pipes end when the step ends, not when init does. */
  stream_to_nowhere(1, 2);
  if (spec.held) send_ready();
  else send_descriptors(work, listener);
  close(work);
  if (listener >= 0) close(listener);
  if (sandbox_drop_capabilities() != 0) fail();
  watch_until_end(&watch, signals);
  report_end(&watch);
  return 0;
}
