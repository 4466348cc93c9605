/* How a step ended and what it used: init's account, the kernel's, and both as JavaScript sees them. */

#include "sandbox_exit.h"

#include "sandbox_cgroup.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

static const char *signal_name(int number, char *text, size_t size) {
  static const struct {
    int number;
    const char *name;
  } names[] = {
      {SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"}, {SIGILL, "SIGILL"},
      {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
      {SIGKILL, "SIGKILL"}, {SIGUSR1, "SIGUSR1"}, {SIGSEGV, "SIGSEGV"}, {SIGUSR2, "SIGUSR2"},
      {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"}, {SIGXCPU, "SIGXCPU"},
      {SIGXFSZ, "SIGXFSZ"}, {SIGSYS, "SIGSYS"},
  };
  for (size_t i = 0; i < countof(names); i++) {
    if (names[i].number == number) return names[i].name;
  }
  snprintf(text, size, "SIG%d", number);
  return text;
}

JSValue sandbox_exit_new(JSContext *ctx, const struct report *report, double wall_ms) {
  static const char *const killed[] = {"", "memory", "cpu", "disk", "pids"};
  char text[16];
  int status = report->status;
  bool signaled = WIFSIGNALED(status);
  const char *name = signaled ? signal_name(WTERMSIG(status), text, sizeof(text)) : "";
  JSValue object = JS_NewObject(ctx);
  JS_SetPropertyStr(ctx, object, "code", JS_NewInt32(ctx, signaled ? -1 : WEXITSTATUS(status)));
  JS_SetPropertyStr(ctx, object, "signal", JS_NewString(ctx, name));
  JS_SetPropertyStr(ctx, object, "killed", JS_NewString(ctx, killed[report->killed % countof(killed)]));
  JS_SetPropertyStr(ctx, object, "cpuMs", JS_NewInt64(ctx, (int64_t)(report->cpu_us / 1000)));
  int64_t peak = (int64_t)report->memory_peak_bytes;
  JS_SetPropertyStr(ctx, object, "memoryPeakBytes", JS_NewInt64(ctx, peak));
  JS_SetPropertyStr(ctx, object, "wallMs", JS_NewFloat64(ctx, wall_ms));
  return object;
}

/* The cgroup's account counts for more than init's, which may have been killed with the step. */
static void add_kernel_account(struct spawned *spawned, struct report *report) {
  struct cgroup_usage usage;
  cgroup_measure(spawned->cgroup, &usage);
  report->cpu_us = usage.cpu_us;
  if (usage.memory_peak_bytes > 0) report->memory_peak_bytes = usage.memory_peak_bytes;
  if (usage.memory_killed) report->killed = KILLED_BY_MEMORY;
  bool failed = report->status != 0 && report->killed == KILLED_BY_NONE;
  if (failed && usage.tasks_refused) report->killed = KILLED_BY_PIDS;
  cgroup_remove_leaf(spawned->cgroup, spawned->cgroup_name);
  spawned->cgroup = -1;
}

/* init's own account, or the kernel's of init when it was killed and told nothing. */
struct report sandbox_bury(struct spawned *spawned) {
  struct report report;
  struct rusage usage = {0};
  int status = 0;
  wait4(spawned->pid, &status, 0, &usage);
  spawned->pid = -1;
  ssize_t count = recv(spawned->control, &report, sizeof(report), MSG_DONTWAIT);
  if (count != (ssize_t)sizeof(report) || report.kind != REPORT_ENDED) {
    report = (struct report){.kind = REPORT_ENDED, .status = SIGKILL};
    report.memory_peak_bytes = (uint64_t)usage.ru_maxrss * 1024;
    report.cpu_us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                    (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  }
  if (spawned->cgroup >= 0) add_kernel_account(spawned, &report);
  return report;
}
