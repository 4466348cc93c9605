/* Files that come into /work before the step begins, written by init: they count as the step's memory. */

#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes the folders of a path below the working folder. */
static int make_parents(const char *path) {
  char part[PATH_MAX];
  if (strlen(path) >= sizeof(part)) return errno = ENAMETOOLONG, -1;
  for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    size_t length = (size_t)(slash - path);
    memcpy(part, path, length);
    part[length] = '\0';
    if (length > 0 && mkdir(part, 0755) != 0 && errno != EEXIST) return -1;
  }
  return 0;
}

static bool leads_up(const char *path) {
  for (const char *part = path;; part = strchr(part, '/') + 1) {
    size_t length = strcspn(part, "/");
    if (length == 2 && memcmp(part, "..", 2) == 0) return true;
    if (part[length] == '\0') return false;
  }
}

/* Nobody but init has been in /work so far, so there is no link that could lead out of it. */
static int append(const char *path, const char *data, size_t length) {
  sandbox_trying("placing /work/%.80s", path);
  if (path[0] == '/' || leads_up(path)) return errno = EINVAL, -1;
  if (make_parents(path) != 0) return -1;
  int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return -1;
  for (size_t done = 0; done < length;) {
    ssize_t count = write(file, data + done, length - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    done += (size_t)count;
  }
  return close(file);
}

int sandbox_wait_for_begin(int control) {
  static char packet[packet_bytes_max];
  for (;;) {
    sandbox_trying("waiting for the step's files");
    ssize_t count = recv(control, packet, sizeof(packet), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    if (count == 0 || packet[0] == CONTROL_TERMINATE || packet[0] == CONTROL_KILL) {
      _exit(1);
    }
    if (packet[0] == CONTROL_BEGIN) return 0;
    const char *path = packet + 1;
    const char *data = memchr(path, '\0', (size_t)count - 1);
    if (packet[0] != CONTROL_PLACE || data == NULL) return errno = EPROTO, -1;
    data++;
    if (append(path, data, (size_t)(packet + count - data)) != 0) return -1;
  }
}
