/*
 * The file tree that a step sees, built in init's own mount namespace with the descriptor-based
 * mount calls: every mount gets its attributes before anything can reach it.
 */

#include "kernel_calls.h"
#include "sandbox.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { read_only_max = 64 };

static const uint64_t plain = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
static const char *const devices[] = {"null", "zero", "full", "random", "urandom"};

/* A new file system, not attached anywhere. Options come as name, value, ..., NULL. */
static int new_mount(const char *type, const char *const *options, uint64_t attributes) {
  int fs = call_fsopen(type);
  if (fs < 0) return -1;
  for (; *options != NULL; options += 2) {
    if (call_fsconfig(fs, FSCONFIG_SET_STRING, options[0], options[1]) != 0) return -1;
  }
  if (call_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL) != 0) return -1;
  int mount = call_fsmount(fs, (unsigned)attributes);
  close(fs);
  return mount;
}

/* A copy of what is mounted at `path`, with everything below it, not attached anywhere. */
static int clone_tree(const char *path, uint64_t attributes) {
  /* Recursive: a copy that left out inner mounts would uncover what they hide, and is refused. */
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW;
  int tree = call_open_tree(AT_FDCWD, path, flags);
  if (tree < 0) return -1;
  return call_mount_setattr(tree, AT_RECURSIVE, attributes) == 0 ? tree : -1;
}

/* Makes every folder of a path below the working folder; `path` is relative. */
static int make_folders(const char *path) {
  char part[PATH_MAX];
  if (strlen(path) >= sizeof(part)) return errno = ENAMETOOLONG, -1;
  for (const char *slash = strchr(path, '/');; slash = strchr(slash + 1, '/')) {
    size_t length = slash == NULL ? strlen(path) : (size_t)(slash - path);
    memcpy(part, path, length);
    part[length] = '\0';
    if (length > 0 && mkdir(part, 0755) != 0 && errno != EEXIST) return -1;
    if (slash == NULL) return 0;
  }
}

struct copied_path {
  int tree; /* -1 for a link or an absent path */
  bool folder;
  char link[256]; /* target of a link, as /bin is on merged systems */
};

/* Taken before the new root covers the old one. */
static int copy_host_paths(char **paths, struct copied_path *copies) {
  for (int i = 0; paths[i] != NULL; i++) {
    struct stat status;
    copies[i] = (struct copied_path){.tree = -1};
    sandbox_trying("binding %s", paths[i]);
    if (i == read_only_max || paths[i][0] != '/' || strstr(paths[i], "..") != NULL) {
      return errno = EINVAL, -1;
    }
    if (lstat(paths[i], &status) != 0) {
      if (errno == ENOENT) continue;
      return -1;
    }
    if (S_ISLNK(status.st_mode)) {
      if (readlink(paths[i], copies[i].link, sizeof(copies[i].link) - 1) < 0) return -1;
      continue;
    }
    copies[i].folder = S_ISDIR(status.st_mode);
    copies[i].tree = clone_tree(paths[i], plain | MOUNT_ATTR_RDONLY);
    if (copies[i].tree < 0) return -1;
  }
  return 0;
}

/* Makes what a copy is attached to, or is a link itself; `path` is relative. */
static int make_place(const char *path, const struct copied_path *copy) {
  char parent[PATH_MAX];
  const char *slash = strrchr(path, '/');
  snprintf(parent, sizeof(parent), "%.*s", slash == NULL ? 0 : (int)(slash - path), path);
  if (make_folders(parent) != 0) return -1;
  if (copy->link[0] != '\0') return symlink(copy->link, path);
  if (copy->folder) return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : -1;
  int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
  return file < 0 ? -1 : close(file);
}

static int attach_host_paths(char **paths, const struct copied_path *copies) {
  for (int i = 0; paths[i] != NULL; i++) {
    const struct copied_path *copy = &copies[i];
    if (copy->tree < 0 && copy->link[0] == '\0') continue;
    sandbox_trying("attaching %s", paths[i]);
    if (make_place(paths[i] + 1, copy) != 0) return -1;
    if (copy->tree < 0) continue;
    if (call_move_mount(copy->tree, AT_FDCWD, paths[i] + 1) != 0) return -1;
    close(copy->tree);
  }
  return 0;
}

/*
 * A private folder of devices: each of them binds the host's node, as a user namespace may not make
 * its own. `nodev` would make them useless, so it is left out for exactly these.
 */
static int add_devices(const int *nodes) {
  sandbox_trying("filling /dev");
  if (mkdir("dev", 0755) != 0) return -1;
  for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
    char path[32];
    snprintf(path, sizeof(path), "dev/%s", devices[i]);
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
    if (file < 0 || call_move_mount(nodes[i], AT_FDCWD, path) != 0) return -1;
    close(file);
    close(nodes[i]);
  }
  /* Shells and interpreters expect these. /tmp counts against the step's disk; /dev/shm must too. */
  if (symlink("/proc/self/fd", "dev/fd") != 0 || symlink("/proc/self/fd/0", "dev/stdin") != 0) return -1;
  if (symlink("/proc/self/fd/1", "dev/stdout") != 0) return -1;
  if (symlink("/proc/self/fd/2", "dev/stderr") != 0) return -1;
  return symlink("/tmp", "dev/shm");
}

static int copy_devices(int *nodes) {
  sandbox_trying("binding devices");
  for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
    char path[32];
    snprintf(path, sizeof(path), "/dev/%s", devices[i]);
    nodes[i] = clone_tree(path, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    if (nodes[i] < 0) return -1;
  }
  return 0;
}

/*
 * The agent's binary for script steps. A bind shares its pages with the agent. When the path now
 * names another file (the agent was upgraded in place), the running image is copied instead.
 */
static int copy_agent(int *tree) {
  struct stat running, named;
  char path[PATH_MAX] = "";
  sandbox_trying("binding the agent");
  *tree = -1;
  if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0) return -1;
  if (stat("/proc/self/exe", &running) != 0) return -1;
  if (stat(path, &named) != 0 || named.st_ino != running.st_ino || named.st_dev != running.st_dev) return 0;
  *tree = clone_tree(path, plain | MOUNT_ATTR_RDONLY);
  return *tree < 0 ? -1 : 0;
}

static int add_agent(int tree, int image) {
  struct stat status;
  sandbox_trying("adding the agent");
  int file = open(".cohort/agent", O_WRONLY | O_CREAT | O_CLOEXEC, 0555);
  if (file < 0 || fstat(image, &status) != 0) return -1;
  if (tree >= 0 && call_move_mount(tree, AT_FDCWD, ".cohort/agent") != 0) return -1;
  for (off_t at = 0; tree < 0 && at < status.st_size;) {
    if (sendfile(file, image, &at, (size_t)(status.st_size - at)) <= 0) return -1;
  }
  close(file);
  close(image);
  return 0;
}

/*
 * /work and /tmp are two folders of one sized file system, so that one limit holds for both. /work
 * may be executed from: a step can run any text through an interpreter anyway, and builds need it.
 */
static int add_workspace(const struct sandbox_spec *spec) {
  char size[32], inodes[32];
  sandbox_trying("mounting the workspace");
  snprintf(size, sizeof(size), "%llu", (unsigned long long)spec->limits.disk_bytes);
  /* An inode costs the kernel about a KiB that the size does not count. */
  uint64_t inodes_max = spec->limits.disk_bytes / 4096 + 64;
  snprintf(inodes, sizeof(inodes), "%llu", (unsigned long long)inodes_max);
  const char *const options[] = {"size", size, "nr_inodes", inodes, "mode", "0700", NULL};
  int disk = new_mount("tmpfs", options, plain);
  if (disk < 0 || mkdir(".cohort/disk", 0700) != 0) return -1;
  if (call_move_mount(disk, AT_FDCWD, ".cohort/disk") != 0) return -1;
  static const struct {
    const char *name;
    mode_t mode;
    uint64_t attributes;
  } folders[] = {{"work", 0700, 0}, {"tmp", 01777, MOUNT_ATTR_NOEXEC}};
  for (size_t i = 0; i < 2; i++) {
    char inner[64];
    snprintf(inner, sizeof(inner), ".cohort/disk/%s", folders[i].name);
    if (mkdir(inner, 0700) != 0 || chmod(inner, folders[i].mode) != 0) return -1;
    if (mkdir(folders[i].name, 0755) != 0) return -1;
    int tree = clone_tree(inner, plain | folders[i].attributes);
    if (tree < 0 || call_move_mount(tree, AT_FDCWD, folders[i].name) != 0) return -1;
    close(tree);
  }
  close(disk);
  /* The two views are all that is left of it. */
  return umount2(".cohort/disk", MNT_DETACH) == 0 ? rmdir(".cohort/disk") : -1;
}

static int add_proc(void) {
  sandbox_trying("mounting /proc");
  /* Only processes of this namespace, none of the kernel's own knobs; and nothing to be written, such
   * as an oom_score_adj by which a step would be spared before the machine's own processes. */
  static const char *const options[] = {"hidepid", "invisible", "subset", "pid", NULL};
  int proc = new_mount("proc", options, plain | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY);
  if (proc < 0 || mkdir("proc", 0555) != 0) return -1;
  int moved = call_move_mount(proc, AT_FDCWD, "proc");
  close(proc);
  return moved;
}

static int write_files(const struct sandbox_spec *spec) {
  for (uint32_t i = 0; i < spec->files_count; i++) {
    const struct sandbox_file *file = &spec->files[i];
    sandbox_trying("writing /work/%.80s", file->name);
    if (file->name[0] == '\0' || strchr(file->name, '/') != NULL) return errno = EINVAL, -1;
    char path[NAME_MAX + 8];
    if ((size_t)snprintf(path, sizeof(path), "work/%s", file->name) >= sizeof(path)) {
      return errno = ENAMETOOLONG, -1;
    }
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) return -1;
    for (uint32_t done = 0; done < file->length;) {
      ssize_t count = write(descriptor, file->data + done, file->length - done);
      if (count < 0) return -1;
      done += (uint32_t)count;
    }
    close(descriptor);
  }
  return 0;
}

/* Makes `root`, which is also the working folder, the only root there is. */
static int enter_root(int root) {
  sandbox_trying("entering the new root");
  /* Old and new trade places and the old one, stacked on top, is taken off: pivot_root(2), NOTES. */
  if (syscall(SYS_pivot_root, ".", ".") == 0) {
    if (umount2(".", MNT_DETACH) != 0) return -1;
    return chdir("/");
  }
  if (errno != EINVAL) return -1;
  /* A board that runs from its initramfs: rootfs can be neither pivoted nor taken off (same page), but
   * this root has covered it since it was attached. Out of it leads CAP_SYS_CHROOT alone, which init
   * gives up, or a descriptor from outside, of which the step is left none. */
  return chroot(".") == 0 ? chdir("/") : -1;
}

int sandbox_mount_all(const struct sandbox_spec *spec, int *work) {
  static struct copied_path copies[read_only_max + 1];
  int nodes[sizeof(devices) / sizeof(devices[0])];
  int agent;
  /* Nothing mounted here may reach the host, nor the other way round. */
  sandbox_trying("making mounts private");
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return -1;
  if (copy_host_paths(spec->read_only, copies) != 0 || copy_devices(nodes) != 0) return -1;
  if (copy_agent(&agent) != 0) return -1;
  int image = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  sandbox_trying("mounting the new root");
  static const char *const options[] = {"size", "4m", "nr_inodes", "1024", "mode", "0755", NULL};
  int root = new_mount("tmpfs", options, plain);
  if (root < 0 || image < 0) return -1;
  /* Over the old root, for want of a folder that every host has; from here on, paths are relative. */
  if (call_move_mount(root, AT_FDCWD, "/") != 0 || fchdir(root) != 0) return -1;
  sandbox_trying("making /.cohort");
  if (mkdir(".cohort", 0755) != 0) return -1;
  if (attach_host_paths(spec->read_only, copies) != 0 || add_devices(nodes) != 0) return -1;
  if (add_agent(agent, image) != 0 || add_workspace(spec) != 0 || add_proc() != 0) return -1;
  if (write_files(spec) != 0) return -1;
  /* Last of all, as the mounts above needed their folders. */
  sandbox_trying("making the root read-only");
  if (call_mount_setattr(root, 0, plain | MOUNT_ATTR_RDONLY) != 0) return -1;
  if (enter_root(root) != 0) return -1;
  close(root);
  sandbox_trying("opening /work");
  *work = open("/work", O_PATH | O_DIRECTORY | O_CLOEXEC);
  return *work < 0 ? -1 : chdir("/work");
}
