/* cgroup v2: https://docs.kernel.org/admin-guide/cgroup-v2.html, "Delegation" above all. */

#include "sandbox_cgroup.h"

#include <dirent.h>
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

static const char leaf_prefix[] = "step-";

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

/* Leaves of a predecessor that was killed; its steps died with it. Those of a living one stay. */
static void sweep_leaves(void) {
  int folder = openat(base, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *entries = folder < 0 ? NULL : fdopendir(folder);
  if (entries == NULL) return;
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    if (strncmp(entry->d_name, leaf_prefix, strlen(leaf_prefix)) == 0) {
      unlinkat(base, entry->d_name, AT_REMOVEDIR);
    }
  }
  closedir(entries);
}

/* Moves this process into a cgroup below the base; 0 or an errno. */
static int move_into(const char *name) {
  char own[32];
  int folder = openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return errno;
  snprintf(own, sizeof(own), "%d", (int)getpid());
  int failure = write_text(folder, "cgroup.procs", own) ? 0 : errno;
  close(folder);
  return failure;
}

/* Gives the base's controllers to its children; 0 or an errno, with all as it was before. */
static int take_over(void) {
  if (mkdirat(base, own_leaf, 0755) != 0 && errno != EEXIST) return errno;
  int failure = move_into(own_leaf);
  if (failure == 0 && !write_text(base, "cgroup.subtree_control", "+memory +pids +cpu")) failure = errno;
  if (failure == 0) return 0;
  move_into(".");
  unlinkat(base, own_leaf, AT_REMOVEDIR);
  return failure;
}

bool cgroup_prepare(char *reason, size_t reason_size) {
  char path[PATH_MAX], controllers[256] = "";
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
  int failure = take_over();
  if (failure == 0) {
    sweep_leaves();
    return true;
  }
  /* cgroups(7), "no internal processes": what else is in it, a login shell say, would have to leave. */
  const char *why = failure == EBUSY ? "it holds other processes" : strerror(failure);
  snprintf(reason, reason_size, "the cgroup is not the agent's own: %s", why);
  return false;
}

static bool write_number(int leaf, const char *name, uint64_t value) {
  char text[32];
  snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
  return write_text(leaf, name, text);
}

/* A folder with a name that no other has; a predecessor may have had this process's number. */
static bool make_folder(char *name, size_t name_size) {
  do {
    snprintf(name, name_size, "%s%d-%u", leaf_prefix, (int)getpid(), ++leaves_made);
    if (mkdirat(base, name, 0755) == 0) return true;
  } while (errno == EEXIST);
  return false;
}

int cgroup_make_leaf(const struct sandbox_limits *limits, char *name, size_t name_size) {
  char quota[48];
  if (!make_folder(name, name_size)) return -1;
  int leaf = openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (leaf < 0) return -1;
  /* Nine tenths of the machine: the agent must get to send its heartbeats. */
  snprintf(quota, sizeof(quota), "%d %d", get_nprocs() * period_us / 10 * 9, period_us);
  bool set = write_number(leaf, "memory.max", limits->memory_bytes);
  /* Absent where the kernel has no swap. */
  set = set && (write_text(leaf, "memory.swap.max", "0") || errno == ENOENT);
  /* Half a step is of no use: what is killed, is killed whole. */
  set = set && write_text(leaf, "memory.oom.group", "1");
  /* init is the one more. */
  set = set && write_number(leaf, "pids.max", (uint64_t)limits->pids + 1);
  set = set && write_text(leaf, "cpu.max", quota);
  if (set) return leaf;
  int failure = errno;
  cgroup_remove_leaf(leaf, name);
  errno = failure;
  return -1;
}

/* The number after `field` in a flat-keyed file; 0 when either is absent. */
static uint64_t read_field(int leaf, const char *name, const char *field) {
  char text[2048];
  if (!read_text(leaf, name, text, sizeof(text))) return 0;
  const char *at = strstr(text, field);
  return at == NULL ? 0 : strtoull(at + strlen(field), NULL, 10);
}

void cgroup_measure(int leaf, struct cgroup_usage *usage) {
  usage->memory_killed = read_field(leaf, "memory.events", "oom_kill ") > 0;
  usage->tasks_refused = read_field(leaf, "pids.events", "max ") > 0;
  usage->memory_peak_bytes = read_field(leaf, "memory.peak", "");
  usage->cpu_us = read_field(leaf, "cpu.stat", "usage_usec ");
}

void cgroup_remove_leaf(int leaf, const char *name) {
  close(leaf);
  unlinkat(base, name, AT_REMOVEDIR);
}
