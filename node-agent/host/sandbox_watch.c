/*
 * What all processes of a sandbox use together, seen from init through a /proc of its own: without
 * `hidepid`, since a process may hide itself from that by giving up being dumpable.
 */

#include "kernel_calls.h"
#include "sandbox.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

int usage_open(void) {
  int fs = call_fsopen("proc");
  if (fs < 0) return -1;
  if (call_fsconfig(fs, FSCONFIG_SET_STRING, "subset", "pid") != 0) return -1;
  if (call_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL) != 0) return -1;
  int mount = call_fsmount(fs, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID);
  close(fs);
  return mount;
}

/* A file of /proc as a string. False when the process is gone, which is no error. */
static bool read_text(int proc, const char *pid, const char *name, char *text, size_t size) {
  char path[64];
  snprintf(path, sizeof(path), "%.20s/%s", pid, name);
  int descriptor = openat(proc, path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  ssize_t count = read(descriptor, text, size - 1);
  close(descriptor);
  text[count > 0 ? count : 0] = '\0';
  return count > 0;
}

static uint64_t number_of(const char *status, const char *field) {
  const char *at = strstr(status, field);
  return at == NULL ? 0 : strtoull(at + strlen(field), NULL, 10);
}

static void add_memory_and_tasks(const char *status, struct usage *usage) {
  uint64_t kibibytes = number_of(status, "\nRssAnon:") + number_of(status, "\nRssShmem:") +
                       number_of(status, "\nVmSwap:");
  usage->memory_bytes += kibibytes * 1024;
  usage->tasks += (uint32_t)number_of(status, "\nThreads:");
}

/* Own and waited-for children's time; proc_pid_stat(5), fields 14 to 17. */
static void add_processor_time(const char *stat, struct usage *usage) {
  /* The second field is the program's name in parentheses, which may contain anything. */
  const char *at = strrchr(stat, ')');
  for (int field = 2; at != NULL && field < 14; field++) {
    at = strchr(at + 1, ' ');
  }
  if (at == NULL) return;
  uint64_t ticks = 0;
  char *next = (char *)at;
  for (int field = 14; field <= 17; field++) ticks += strtoull(next, &next, 10);
  usage->cpu_us += ticks * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

int usage_measure(int proc, struct usage *usage) {
  *usage = (struct usage){0};
  int folder = openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *processes = folder < 0 ? NULL : fdopendir(folder);
  if (processes == NULL) return -1;
  for (struct dirent *entry; (entry = readdir(processes)) != NULL;) {
    char text[4096];
    /* Not init itself. */
    if (!isdigit((unsigned char)entry->d_name[0]) || strcmp(entry->d_name, "1") == 0) continue;
    if (read_text(proc, entry->d_name, "status", text, sizeof(text))) add_memory_and_tasks(text, usage);
    if (read_text(proc, entry->d_name, "stat", text, sizeof(text))) add_processor_time(text, usage);
  }
  return closedir(processes);
}

int usage_of_cgroup(int cpu_stat, uint64_t *cpu_us) {
  char text[1024];
  ssize_t count = pread(cpu_stat, text, sizeof(text) - 1, 0);
  if (count <= 0) return -1;
  text[count] = '\0';
  *cpu_us = number_of(text, "usage_usec");
  return 0;
}

int disk_measure(struct disk_usage *usage) {
  struct statfs status;
  if (statfs("/work", &status) != 0) return -1;
  usage->bytes = (uint64_t)(status.f_blocks - status.f_bfree) * (uint64_t)status.f_bsize;
  usage->full = status.f_bfree == 0 || status.f_ffree == 0;
  return 0;
}
