/* cgroup v2: https://docs.kernel.org/admin-guide/cgroup-v2.html, "Delegation" above all. */

#include "sandbox_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

enum { period_us = 100000 };

/* The agent's own leaf: a cgroup with controllers for children may hold no process itself. */
static const char own_leaf[] = "cohort-agent";

static int base = -1; /* the delegated cgroup */
static unsigned leaves_made;

static bool write_text(int folder, const char *name, const char *text) {
  int file = openat(folder, name, O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  ssize_t count = write(file, text, strlen(text));
  int failure = errno;
  close(file);
  errno = failure;
  return count == (ssize_t)strlen(text);
}

static bool read_text(int folder, const char *name, char *text, size_t size) {
  int file = openat(folder, name, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  ssize_t count = read(file, text, size - 1);
  close(file);
  text[count > 0 ? count : 0] = '\0';
  return count >= 0;
}

/* The path of the agent's cgroup below the mount, from the line "0::PATH" of /proc/self/cgroup. */
static bool own_path(char *path, size_t size) {
  char text[4096];
  if (!read_text(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text))) return false;
  const char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
  if (line == NULL) return errno = ENOENT, false;
  line = strstr(line, "0::") + 3;
  snprintf(path, size, "/sys/fs/cgroup%.*s", (int)strcspn(line, "\n"), line);
  /* A restarted agent may find itself where its predecessor put itself. */
  char *last = strrchr(path, '/');
  if (strcmp(last + 1, own_leaf) == 0) *last = '\0';
  return true;
}

bool cgroup_prepare(char *reason, size_t reason_size) {
  char path[PATH_MAX], controllers[256] = "", own[32];
  struct statfs filesystem;
  snprintf(reason, reason_size, "no cgroup v2 at /sys/fs/cgroup");
  if (statfs("/sys/fs/cgroup", &filesystem) != 0) return false;
  if (filesystem.f_type != CGROUP2_SUPER_MAGIC || !own_path(path, sizeof(path))) return false;
  base = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (base < 0 || !read_text(base, "cgroup.controllers", controllers, sizeof(controllers))) return false;
  static const char *const needed[] = {"memory", "pids", "cpu"};
  for (size_t i = 0; i < 3; i++) {
    snprintf(reason, reason_size, "controller %s is not delegated", needed[i]);
    if (strstr(controllers, needed[i]) == NULL) return false;
  }
  snprintf(own, sizeof(own), "%d", (int)getpid());
  bool moved = mkdirat(base, own_leaf, 0755) == 0 || errno == EEXIST;
  int leaf = moved ? openat(base, own_leaf, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  moved = leaf >= 0 && write_text(leaf, "cgroup.procs", own);
  moved = moved && write_text(base, "cgroup.subtree_control", "+memory +pids +cpu");
  if (!moved) snprintf(reason, reason_size, "the cgroup is not delegated: %s", strerror(errno));
  if (leaf >= 0) close(leaf);
  return moved;
}

static bool write_number(int leaf, const char *name, uint64_t value) {
  char text[32];
  snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
  return write_text(leaf, name, text);
}

int cgroup_make_leaf(const struct sandbox_limits *limits, char *name, size_t name_size) {
  char quota[48];
  snprintf(name, name_size, "step-%d-%u", (int)getpid(), ++leaves_made);
  if (mkdirat(base, name, 0755) != 0) return -1;
  int leaf = openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (leaf < 0) return -1;
  /* Nine tenths of the machine: the agent must get to send its heartbeats. */
  snprintf(quota, sizeof(quota), "%d %d", get_nprocs() * period_us / 10 * 9, period_us);
  bool set = write_number(leaf, "memory.max", limits->memory_bytes);
  /* Absent where the kernel has no swap. */
  set = set && (write_text(leaf, "memory.swap.max", "0") || errno == ENOENT);
  /* Half a step is of no use: what is killed, is killed whole. */
  set = set && write_text(leaf, "memory.oom.group", "1");
  set = set && write_number(leaf, "pids.max", (uint64_t)limits->pids + 1);
  set = set && write_text(leaf, "cpu.max", quota);
  if (set) return leaf;
  int failure = errno;
  cgroup_remove_leaf(leaf, name);
  errno = failure;
  return -1;
}

bool cgroup_memory_killed(int leaf, uint64_t *peak) {
  char text[512];
  if (read_text(leaf, "memory.peak", text, sizeof(text))) *peak = strtoull(text, NULL, 10);
  if (!read_text(leaf, "memory.events", text, sizeof(text))) return false;
  const char *kills = strstr(text, "oom_kill ");
  return kills != NULL && strtoull(kills + strlen("oom_kill "), NULL, 10) > 0;
}

void cgroup_remove_leaf(int leaf, const char *name) {
  close(leaf);
  unlinkat(base, name, AT_REMOVEDIR);
}
