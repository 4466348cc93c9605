/*
 * A running step as JavaScript sees it.
 *
 * Lifetime: the JavaScript object owns the struct and the descriptors. The struct holds its object
 * (`self`) while the step runs or a promise is pending. Each of the four poll handles counts as open
 * until its close callback; the struct is freed when the object and all handles are gone.
 */

#include "sandbox_process.h"

#include "sandbox_collect.h"
#include "sandbox_exit.h"
#include "socket.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { part_bytes_max = 1024 * 1024 };

static JSClassID class_id;
static uint8_t scratch[64 * 1024];

struct watched {
  uv_poll_t poll;
  int *descriptor; /* in `spawned`; closed with the handle */
  bool open;
};

struct process {
  struct spawned spawned;
  struct watched ending, out, error, listener;
  int handles_open;
  JSValue self;
  struct deferred output, accepted, exited;
  JSValue exited_promise;
  uint64_t started_ns;
  bool killed; /* hard, by the agent */
  bool ended;
  bool finalized;
};

static void free_if_unused(struct process *process) {
  if (process->finalized && process->handles_open == 0) free(process);
}

static void on_closed(uv_handle_t *handle) {
  struct process *process = handle->data;
  process->handles_open--;
  free_if_unused(process);
}

static void watched_open(struct process *process, struct watched *watched, int *descriptor) {
  watched->descriptor = descriptor;
  watched->poll.data = process;
  if (*descriptor < 0 || uv_poll_init(&host.loop, &watched->poll, *descriptor) != 0) return;
  watched->open = true;
  process->handles_open++;
}

static void watched_close(struct watched *watched) {
  if (!watched->open) return;
  watched->open = false;
  uv_close((uv_handle_t *)&watched->poll, on_closed);
  close(*watched->descriptor);
  *watched->descriptor = -1;
}

static void watched_want(struct watched *watched, bool wanted, uv_poll_cb callback) {
  if (!watched->open) return;
  if (wanted) uv_poll_start(&watched->poll, UV_READABLE, callback);
  else uv_poll_stop(&watched->poll);
}

/* --- output ------------------------------------------------------------------------------------------ */

static void on_output(uv_poll_t *poll, int status, int events);
static void on_connection(uv_poll_t *poll, int status, int events);

/* Watches for exactly what is pending; lets the object go when nothing is. */
static void update(struct process *process) {
  bool wants_output = deferred_pending(&process->output);
  if (wants_output && !process->out.open && !process->error.open) {
    deferred_resolve(host.context, &process->output, JS_NULL);
    wants_output = false;
  }
  watched_want(&process->out, wants_output, on_output);
  watched_want(&process->error, wants_output, on_output);
  bool wants_connection = deferred_pending(&process->accepted);
  watched_want(&process->listener, wants_connection, on_connection);
  if (process->ended && !wants_output && !wants_connection && !JS_IsUndefined(process->self)) {
    JSValue self = process->self;
    process->self = JS_UNDEFINED;
    /* May finalize the process: nothing may touch it after this. */
    JS_FreeValue(host.context, self);
  }
}

static JSValue make_output(JSContext *ctx, int stream, size_t length) {
  JSValue object = JS_NewObject(ctx);
  JS_SetPropertyStr(ctx, object, "stream", JS_NewInt32(ctx, stream));
  JS_SetPropertyStr(ctx, object, "bytes", bytes_copy(ctx, scratch, length));
  return object;
}

static void on_output(uv_poll_t *poll, int status, int events) {
  struct process *process = poll->data;
  struct watched *watched = poll == &process->out.poll ? &process->out : &process->error;
  ssize_t count = read(*watched->descriptor, scratch, sizeof(scratch));
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count > 0) {
    int stream = watched == &process->out ? 1 : 2;
    deferred_resolve(host.context, &process->output, make_output(host.context, stream, (size_t)count));
  } else {
    watched_close(watched);
  }
  update(process);
}

static JSValue read_output(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct process *process = JS_GetOpaque2(ctx, self, class_id);
  if (process == NULL) return JS_EXCEPTION;
  if (deferred_pending(&process->output)) return error_throw_errno(ctx, EBUSY, "readOutput");
  JSValue promise = deferred_open(ctx, &process->output);
  if (JS_IsException(promise)) return promise;
  if (JS_IsUndefined(process->self)) process->self = JS_DupValue(ctx, self);
  update(process);
  return promise;
}

/* --- connections ------------------------------------------------------------------------------------ */

static void on_connection(uv_poll_t *poll, int status, int events) {
  struct process *process = poll->data;
  JSContext *ctx = host.context;
  int descriptor = accept4(process->spawned.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (descriptor >= 0) {
    deferred_resolve(ctx, &process->accepted, socket_new(ctx, descriptor, NULL, ""));
  } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
    deferred_reject(ctx, &process->accepted, error_new_errno(ctx, errno, "accepting"));
  }
  update(process);
}

static JSValue accept_connection(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct process *process = JS_GetOpaque2(ctx, self, class_id);
  if (process == NULL) return JS_EXCEPTION;
  if (deferred_pending(&process->accepted)) return error_throw_errno(ctx, EBUSY, "accept");
  JSValue promise = deferred_open(ctx, &process->accepted);
  if (JS_IsException(promise)) return promise;
  if (process->listener.open) {
    if (JS_IsUndefined(process->self)) process->self = JS_DupValue(ctx, self);
    update(process);
  } else {
    deferred_resolve(ctx, &process->accepted, JS_NULL);
  }
  return promise;
}

/* --- the end ------------------------------------------------------------------------------------------- */

static void on_end(uv_poll_t *poll, int status, int events) {
  struct process *process = poll->data;
  JSContext *ctx = host.context;
  struct report report = sandbox_bury(&process->spawned);
  double wall_ms = (double)(uv_hrtime() - process->started_ns) / 1e6;
  process->ended = true;
  watched_close(&process->ending);
  watched_close(&process->listener);
  deferred_resolve(ctx, &process->accepted, JS_NULL);
  deferred_resolve(ctx, &process->exited, sandbox_exit_new(ctx, &report, wall_ms));
  update(process);
}

static JSValue kill_step(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct process *process = JS_GetOpaque2(ctx, self, class_id);
  if (process == NULL) return JS_EXCEPTION;
  if (process->ended) return JS_UNDEFINED;
  bool hard = JS_ToBool(ctx, argv[0]) == 1;
  const char command = hard ? CONTROL_KILL : CONTROL_TERMINATE;
  /* init kills and buries, and so can say what was used. */
  bool told = send(process->spawned.control, &command, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
  if (!hard || (told && !process->killed)) {
    process->killed = process->killed || hard;
    return JS_UNDEFINED;
  }
  /* It cannot, or had its time: whole namespaces die with their first process. A pidfd cannot hit a
   * stranger. */
  syscall(SYS_pidfd_send_signal, process->spawned.process, SIGKILL, NULL, 0);
  return JS_UNDEFINED;
}

static JSValue collect(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  int64_t bytes_max;
  struct process *process = JS_GetOpaque2(ctx, self, class_id);
  if (process == NULL || JS_ToInt64(ctx, &bytes_max, argv[1]) < 0) return JS_EXCEPTION;
  if (bytes_max < 0) return JS_ThrowRangeError(ctx, "collect: bytesMax");
  if (process->spawned.work < 0) return error_throw(ctx, "CLOSED", "the workspace is released");
  const char *name = JS_ToCString(ctx, argv[0]);
  if (name == NULL) return JS_EXCEPTION;
  JSValue result = sandbox_collect(ctx, process->spawned.work, name, (size_t)bytes_max);
  JS_FreeCString(ctx, name);
  return result;
}

static JSValue measure(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct process *process = JS_GetOpaque2(ctx, self, class_id);
  if (process == NULL) return JS_EXCEPTION;
  if (process->spawned.work < 0) return error_throw(ctx, "CLOSED", "the workspace is released");
  const char *name = JS_ToCString(ctx, argv[0]);
  if (name == NULL) return JS_EXCEPTION;
  JSValue result = sandbox_measure(ctx, process->spawned.work, name);
  JS_FreeCString(ctx, name);
  return result;
}

static JSValue collect_part(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  int64_t offset, length;
  struct process *process = JS_GetOpaque2(ctx, self, class_id);
  if (process == NULL || JS_ToInt64(ctx, &offset, argv[1]) < 0) return JS_EXCEPTION;
  if (JS_ToInt64(ctx, &length, argv[2]) < 0) return JS_EXCEPTION;
  if (offset < 0 || length < 0 || length > part_bytes_max) {
    return JS_ThrowRangeError(ctx, "collectPart");
  }
  if (process->spawned.work < 0) return error_throw(ctx, "CLOSED", "the workspace is released");
  const char *name = JS_ToCString(ctx, argv[0]);
  if (name == NULL) return JS_EXCEPTION;
  JSValue result = sandbox_collect_part(ctx, process->spawned.work, name, offset, (size_t)length);
  JS_FreeCString(ctx, name);
  return result;
}

static JSValue place(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct bytes bytes;
  char what[160];
  struct process *process = JS_GetOpaque2(ctx, self, class_id);
  if (process == NULL || !bytes_get(ctx, argv[1], &bytes)) return JS_EXCEPTION;
  if (process->ended) return error_throw(ctx, "CLOSED", "the step has ended");
  const char *path = JS_ToCString(ctx, argv[0]);
  if (path == NULL) return JS_EXCEPTION;
  int failure = sandbox_spawn_place(&process->spawned, path, bytes.data, bytes.length, what, sizeof(what));
  JS_FreeCString(ctx, path);
  return failure == 0 ? JS_UNDEFINED : error_throw_errno(ctx, failure, what);
}

static JSValue begin(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  char what[160];
  struct process *process = JS_GetOpaque2(ctx, self, class_id);
  if (process == NULL) return JS_EXCEPTION;
  if (process->ended) return error_throw(ctx, "CLOSED", "the step has ended");
  int failure = sandbox_spawn_begin(&process->spawned, what, sizeof(what));
  return failure == 0 ? JS_UNDEFINED : error_throw_errno(ctx, failure, what);
}

static JSValue release(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  struct process *process = JS_GetOpaque2(ctx, self, class_id);
  if (process == NULL) return JS_EXCEPTION;
  if (process->spawned.work >= 0) close(process->spawned.work);
  process->spawned.work = -1;
  return JS_UNDEFINED;
}

static JSValue get_exited(JSContext *ctx, JSValueConst self) {
  struct process *process = JS_GetOpaque2(ctx, self, class_id);
  return process == NULL ? JS_EXCEPTION : JS_DupValue(ctx, process->exited_promise);
}

static void finalize(JSRuntime *runtime, JSValue value) {
  struct process *process = JS_GetOpaque(value, class_id);
  if (process == NULL) return;
  watched_close(&process->out);
  watched_close(&process->error);
  watched_close(&process->listener);
  watched_close(&process->ending);
  JS_FreeValueRT(runtime, process->exited_promise);
  deferred_drop(runtime, &process->exited);
  sandbox_spawn_free(&process->spawned);
  process->finalized = true;
  free_if_unused(process);
}

static void mark(JSRuntime *runtime, JSValueConst value, JS_MarkFunc *mark_value) {
  struct process *process = JS_GetOpaque(value, class_id);
  if (process != NULL) JS_MarkValue(runtime, process->exited_promise, mark_value);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("readOutput", 0, read_output), JS_CFUNC_DEF("accept", 0, accept_connection),
    JS_CFUNC_DEF("kill", 1, kill_step),         JS_CFUNC_DEF("collect", 2, collect),
    JS_CFUNC_DEF("measure", 1, measure),        JS_CFUNC_DEF("collectPart", 3, collect_part),
    JS_CFUNC_DEF("place", 2, place),            JS_CFUNC_DEF("begin", 0, begin),
    JS_CFUNC_DEF("release", 0, release),        JS_CGETSET_DEF("exited", get_exited, NULL),
};

static const JSClassDef definition = {
    .class_name = "SandboxProcess", .finalizer = finalize, .gc_mark = mark};

void sandbox_process_register(JSContext *ctx) {
  JS_NewClassID(&class_id);
  JS_NewClass(JS_GetRuntime(ctx), class_id, &definition);
  JSValue prototype = JS_NewObject(ctx);
  JS_SetPropertyFunctionList(ctx, prototype, functions, countof(functions));
  JS_SetClassProto(ctx, class_id, prototype);
}

JSValue sandbox_process_new(JSContext *ctx, const struct spawned *spawned) {
  struct process *process = calloc(1, sizeof(*process));
  JSValue object = process == NULL ? JS_ThrowOutOfMemory(ctx) : JS_NewObjectClass(ctx, (int)class_id);
  if (JS_IsException(object)) {
    struct spawned taken = *spawned;
    kill(taken.pid, SIGKILL);
    waitpid(taken.pid, NULL, 0);
    sandbox_spawn_free(&taken);
    free(process);
    return object;
  }
  process->spawned = *spawned;
  process->output = process->accepted = process->exited = DEFERRED_NONE;
  process->started_ns = uv_hrtime();
  process->exited_promise = deferred_open(ctx, &process->exited);
  watched_open(process, &process->ending, &process->spawned.process);
  watched_open(process, &process->out, &process->spawned.out);
  watched_open(process, &process->error, &process->spawned.error);
  watched_open(process, &process->listener, &process->spawned.listener);
  JS_SetOpaque(object, process);
  process->self = JS_DupValue(ctx, object);
  watched_want(&process->ending, true, on_end);
  return object;
}
