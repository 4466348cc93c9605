/*
 * Landlock: a second, independent wall around files, should a mount rule be wrong or escaped.
 * https://docs.kernel.org/userspace-api/landlock.html
 */

#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const uint64_t reading =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t devices_use = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                                    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |
                                    LANDLOCK_ACCESS_FS_IOCTL_DEV;
/* Device nodes are nobody's business in a workspace. */
static const uint64_t forbidden = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK;

/* What each version of the interface can restrict; a ruleset may only name what its kernel knows. */
static uint64_t rights_of(int abi) {
  uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
  if (abi >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
  if (abi >= 5) rights |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
  return rights;
}

int landlock_abi(void) {
  long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi < 0 ? 0 : (int)abi;
}

static int allow(int ruleset, const char *path, uint64_t rights) {
  struct stat status;
  int opened = open(path, O_PATH | O_CLOEXEC);
  /* The spec may name paths that this host does not have. */
  if (opened < 0) return errno == ENOENT ? 0 : -1;
  if (fstat(opened, &status) != 0) return -1;
  /* A file has no rights of a folder, and the kernel insists on that. */
  if (!S_ISDIR(status.st_mode)) rights &= LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE;
  struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = opened};
  long added = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
  close(opened);
  return (int)added;
}

int sandbox_restrict_files(const struct sandbox_spec *spec) {
  int abi = landlock_abi();
  if (abi == 0) return 0;
  sandbox_trying("setting Landlock rules");
  uint64_t rights = rights_of(abi);
  struct landlock_ruleset_attr attr = {.handled_access_fs = rights};
  size_t size = sizeof(attr.handled_access_fs);
  if (abi >= 6) {
    /* Neither init nor an abstract socket of another sandbox is for this step to reach. */
    attr.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL;
    size = sizeof(attr);
  }
  int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
  if (ruleset < 0) return -1;
  if (allow(ruleset, "/", LANDLOCK_ACCESS_FS_READ_DIR) != 0) return -1;
  if (allow(ruleset, "/proc", reading & ~LANDLOCK_ACCESS_FS_EXECUTE) != 0) return -1;
  if (allow(ruleset, "/.cohort", reading) != 0) return -1;
  if (allow(ruleset, "/dev", devices_use & rights) != 0) return -1;
  for (char **path = spec->read_only; *path != NULL; path++) {
    if (allow(ruleset, *path, reading) != 0) return -1;
  }
  if (allow(ruleset, "/work", rights & ~forbidden) != 0) return -1;
  if (allow(ruleset, "/tmp", rights & ~forbidden) != 0) return -1;
  if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) return -1;
  return close(ruleset);
}
