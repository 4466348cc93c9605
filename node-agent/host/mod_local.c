/* `__host.local`: what the agent has to do with other programs of its machine. */

#include "host.h"
#include "local_listener.h"
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { backlog = 8 };

static int lock_descriptor = -1; /* a process is one agent */

static JSValue throw_for(JSContext *ctx, int number, const char *what, const char *path) {
  char message[512];
  snprintf(message, sizeof(message), "%s %.400s", what, path);
  JSValue thrown = error_throw_errno(ctx, number, message);
  JS_FreeCString(ctx, path);
  return thrown;
}

/* The kernel lets go of it when the process ends, however it does. */
static JSValue local_lock(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  if (lock_descriptor >= 0) return error_throw_errno(ctx, EBUSY, "a lock is held");
  const char *path = JS_ToCString(ctx, argv[0]);
  if (path == NULL) return JS_EXCEPTION;
  int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return throw_for(ctx, errno, "locking", path);
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
    lock_descriptor = descriptor;
    JS_FreeCString(ctx, path);
    return JS_TRUE;
  }
  int failure = errno;
  close(descriptor);
  if (failure != EWOULDBLOCK) return throw_for(ctx, failure, "locking", path);
  JS_FreeCString(ctx, path);
  return JS_FALSE;
}

/*
 * An address by way of the socket's folder, as sun_path has room for 107 bytes only. The descriptor of
 * the folder is the caller's to close; -1 with errno.
 */
static int address_of(const char *path, struct sockaddr_un *address) {
  char folder[PATH_MAX];
  const char *slash = strrchr(path, '/');
  size_t length = slash == NULL ? 0 : (size_t)(slash - path);
  if (slash == NULL) return errno = EINVAL, -1;
  if (length + 1 >= sizeof(folder)) return errno = ENAMETOOLONG, -1;
  /* "/" after it, as a path of one part below the root has none before. */
  snprintf(folder, sizeof(folder), "%.*s/", (int)length, path);
  int descriptor = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return -1;
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  int written = snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d%s", descriptor, slash);
  if ((size_t)written < sizeof(address->sun_path)) return descriptor;
  close(descriptor);
  return errno = ENAMETOOLONG, -1;
}

/* Listens at the path, for this process's user alone. A descriptor, or -1 with errno. */
static int open_listener(const char *path) {
  struct sockaddr_un address;
  int folder = address_of(path, &address);
  if (folder < 0) return -1;
  int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  /* The mode that bind will make the file with: it is never open to others, not for a moment. */
  bool listening = descriptor >= 0 && fchmod(descriptor, 0600) == 0;
  /* Left by a predecessor; that there is no living one, the lock says. */
  listening = listening && (unlink(address.sun_path) == 0 || errno == ENOENT);
  listening = listening && bind(descriptor, (struct sockaddr *)&address, sizeof(address)) == 0;
  listening = listening && listen(descriptor, backlog) == 0;
  int failure = errno;
  close(folder);
  if (listening) return descriptor;
  if (descriptor >= 0) close(descriptor);
  errno = failure;
  return -1;
}

static JSValue local_listen(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  const char *path = JS_ToCString(ctx, argv[0]);
  if (path == NULL) return JS_EXCEPTION;
  int descriptor = open_listener(path);
  if (descriptor < 0) return throw_for(ctx, errno, "listening at", path);
  JS_FreeCString(ctx, path);
  return local_listener_new(ctx, descriptor);
}

static int open_connection(const char *path) {
  struct sockaddr_un address;
  int folder = address_of(path, &address);
  if (folder < 0) return -1;
  int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool connected = descriptor >= 0 && connect(descriptor, (struct sockaddr *)&address, sizeof(address)) == 0;
  int failure = errno;
  close(folder);
  if (connected) return descriptor;
  if (descriptor >= 0) close(descriptor);
  errno = failure;
  return -1;
}

static JSValue local_connect(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  const char *path = JS_ToCString(ctx, argv[0]);
  if (path == NULL) return JS_EXCEPTION;
  int descriptor = open_connection(path);
  if (descriptor < 0) return throw_for(ctx, errno, "connecting to", path);
  JS_FreeCString(ctx, path);
  return socket_new(ctx, descriptor, NULL, "");
}

/* sd_notify(3): one datagram to the socket that systemd named. */
static bool send_notification(const char *text, size_t length) {
  const char *name = getenv("NOTIFY_SOCKET");
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (name == NULL || (name[0] != '/' && name[0] != '@')) return false;
  size_t name_length = strlen(name);
  if (name_length >= sizeof(address.sun_path)) return false;
  memcpy(address.sun_path, name, name_length);
  /* An abstract address begins with a zero byte, and is as long as it says. */
  if (name[0] == '@') address.sun_path[0] = '\0';
  int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return false;
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_length);
  ssize_t sent = sendto(descriptor, text, length, MSG_NOSIGNAL | MSG_DONTWAIT,
                        (const struct sockaddr *)&address, size);
  close(descriptor);
  return sent == (ssize_t)length;
}

static JSValue local_notify(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  size_t length;
  const char *text = JS_ToCStringLen(ctx, &length, argv[0]);
  if (text == NULL) return JS_EXCEPTION;
  bool sent = send_notification(text, length);
  JS_FreeCString(ctx, text);
  return JS_NewBool(ctx, sent);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("lock", 1, local_lock),
    JS_CFUNC_DEF("listen", 1, local_listen),
    JS_CFUNC_DEF("connect", 1, local_connect),
    JS_CFUNC_DEF("notify", 1, local_notify),
};

static const JSCFunctionListEntry host_entries[] = {
    JS_OBJECT_DEF("local", functions, countof(functions), JS_PROP_C_W_E),
};

void mod_local_install(JSContext *ctx, JSValueConst object) {
  local_listener_register(ctx);
  JS_SetPropertyFunctionList(ctx, object, host_entries, countof(host_entries));
}
