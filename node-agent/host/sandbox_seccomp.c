/*
 * The last wall: which system calls a step may make at all. Default deny. Three answers: allowed;
 * EPERM for what a step has no business with, so that a refusal is seen as one; ENOSYS for the rest,
 * so that a C library falls back from calls that are newer than this list.
 * https://docs.kernel.org/userspace-api/seccomp_filter.html
 */

#include "sandbox.h"
#include "sandbox_calls.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv)
#define NATIVE_ARCH AUDIT_ARCH_RISCV64
#endif

enum {
  instructions_max = 2048,
  x32_bit = 0x40000000,
  socket_type_mask = 0xf,
  set_pipe_size = 1031, /* F_SETPIPE_SZ */
  linux_console = 0x541c, /* TIOCLINUX */
  huge_pages = 0x40000, /* MAP_HUGETLB */
};

/* linux/sched.h and sched.h cannot be included together. */
static const uint32_t namespace_flags = 0x00000080 | 0x00020000 | 0x02000000 | 0x04000000 |
                                        0x08000000 | 0x10000000 | 0x20000000 | 0x40000000;

static struct sock_filter program[instructions_max];
static unsigned short length;
static bool overflow;

static void emit(uint16_t code, uint32_t value, uint8_t if_true, uint8_t if_false) {
  if (length == instructions_max) {
    overflow = true;
    return;
  }
  program[length++] = (struct sock_filter){code, if_true, if_false, value};
}

static void load(size_t offset) { emit(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0); }

static void answer(uint32_t action) { emit(BPF_RET | BPF_K, action, 0, 0); }

static const uint32_t refuse = SECCOMP_RET_ERRNO | EPERM;
static const uint32_t refuse_family = SECCOMP_RET_ERRNO | EAFNOSUPPORT;
static const uint32_t unknown = SECCOMP_RET_ERRNO | ENOSYS;

/* Loads the low half of an argument; the kernel itself ignores the high half of every int. */
static void load_argument(int index) {
  load(offsetof(struct seccomp_data, args) + (size_t)index * 8);
}

/* With the argument loaded: `action` when it is none of the values. */
static void demand_one_of(const uint32_t *values, uint8_t count, uint32_t action) {
  for (uint8_t i = 0; i < count; i++) {
    emit(BPF_JMP | BPF_JEQ | BPF_K, values[i], (uint8_t)(count - i), 0);
  }
  answer(action);
}

static void check_namespace_flags(void) {
  load_argument(0);
  emit(BPF_JMP | BPF_JSET | BPF_K, namespace_flags, 0, 1);
  answer(refuse);
  answer(SECCOMP_RET_ALLOW);
}

/* Unix sockets among the step's own processes, TCP and UDP on its own loopback. */
static void check_socket(void) {
  static const uint32_t families[] = {AF_UNIX, AF_INET, AF_INET6};
  static const uint32_t types[] = {SOCK_STREAM, SOCK_DGRAM};
  static const uint32_t protocols[] = {0, IPPROTO_TCP, IPPROTO_UDP};
  load_argument(0);
  demand_one_of(families, 3, refuse_family);
  load_argument(1);
  emit(BPF_ALU | BPF_AND | BPF_K, socket_type_mask, 0, 0);
  demand_one_of(types, 2, refuse);
  load_argument(2);
  demand_one_of(protocols, 3, refuse);
  answer(SECCOMP_RET_ALLOW);
}

static void check_socketpair(void) {
  static const uint32_t families[] = {AF_UNIX};
  load_argument(0);
  demand_one_of(families, 1, refuse_family);
  answer(SECCOMP_RET_ALLOW);
}

/* Injecting input into a terminal that outlives the step. */
static void check_ioctl(void) {
  load_argument(1);
  emit(BPF_JMP | BPF_JEQ | BPF_K, TIOCSTI, 1, 0);
  emit(BPF_JMP | BPF_JEQ | BPF_K, linux_console, 0, 1);
  answer(refuse);
  answer(SECCOMP_RET_ALLOW);
}

/* A grown pipe holds kernel memory that neither the watchdog nor a limit of ours counts. */
static void check_fcntl(void) {
  load_argument(1);
  emit(BPF_JMP | BPF_JEQ | BPF_K, set_pipe_size, 0, 1);
  answer(refuse);
  answer(SECCOMP_RET_ALLOW);
}

/* Reserved huge pages are counted by neither the memory limit nor the watchdog. */
static void check_mmap(void) {
  load_argument(3);
  emit(BPF_JMP | BPF_JSET | BPF_K, huge_pages, 0, 1);
  answer(refuse);
  answer(SECCOMP_RET_ALLOW);
}

/* Only on oneself: init has the same user, and its limits are not the step's to change. */
static void check_own_process(void) {
  static const uint32_t own[] = {0};
  load_argument(0);
  demand_one_of(own, 1, refuse);
  answer(SECCOMP_RET_ALLOW);
}

/* Named pipes, which shells make; never devices. */
static void check_node_type(int argument) {
  static const uint32_t types[] = {S_IFIFO};
  load_argument(argument);
  emit(BPF_ALU | BPF_AND | BPF_K, S_IFMT, 0, 0);
  demand_one_of(types, 1, refuse);
  answer(SECCOMP_RET_ALLOW);
}

static void check_mknodat(void) { check_node_type(2); }

#ifdef __NR_mknod
static void check_mknod(void) { check_node_type(1); }
#endif

static const struct {
  int number;
  void (*check)(void);
} checked_calls[] = {
#ifdef __NR_mknod
    {__NR_mknod, check_mknod},
#endif
    {__NR_mknodat, check_mknodat},
    {__NR_clone, check_namespace_flags}, {__NR_socket, check_socket},
    {__NR_socketpair, check_socketpair}, {__NR_ioctl, check_ioctl},
    {__NR_fcntl, check_fcntl},           {__NR_prlimit64, check_own_process},
    {__NR_sched_setaffinity, check_own_process}, {__NR_mmap, check_mmap},
};

/* Runs `body` of a call: the jump over it is patched once its length is known. */
static void emit_checked(int number, void (*check)(void)) {
  unsigned short jump = length;
  emit(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 0);
  check();
  program[jump].jf = (uint8_t)(length - jump - 1);
}

static void emit_all(const int *numbers, size_t count, uint32_t action) {
  for (size_t i = 0; i < count; i++) {
    emit(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)numbers[i], 0, 1);
    answer(action);
  }
}

static void build(void) {
  /* Another architecture's numbers mean other calls. */
  load(offsetof(struct seccomp_data, arch));
  emit(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0);
  answer(SECCOMP_RET_KILL_PROCESS);
  load(offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
  emit(BPF_JMP | BPF_JGE | BPF_K, x32_bit, 0, 1);
  answer(SECCOMP_RET_KILL_PROCESS);
#endif
  /* Each check loads arguments over the number, but then never falls through to the next. */
  for (size_t i = 0; i < sizeof(checked_calls) / sizeof(checked_calls[0]); i++) {
    emit_checked(checked_calls[i].number, checked_calls[i].check);
  }
  emit_all(calls_allowed, calls_allowed_count, SECCOMP_RET_ALLOW);
  emit_all(calls_refused, calls_refused_count, refuse);
  answer(unknown);
}

int sandbox_filter_calls(void) {
  sandbox_trying("setting the filter of system calls");
  build();
  if (overflow) return errno = E2BIG, -1;
  struct sock_fprog filter = {length, program};
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
}
