import { constants } from "node:os";

const { EPERM, EACCES, ENOENT, ENETUNREACH, EAFNOSUPPORT } = constants.errno;
const ENOSYS = 38;

/** What each attempt of fixtures/attack.c must end in; a list where kernels differ in which wall is hit first. */
export const refusals: Record<string, readonly number[]> = {
  ...Object.fromEntries(
    "user_namespace clone_namespace setns mount umount pivot_root chroot fsopen open_by_handle \
     ptrace_init process_memory pidfd_getfd bpf perf userfaultfd keyctl kexec module personality \
     tiocsti tioclinux raw memfd shm pipe_size huge_pages setgroups mknod init_limits raise_limit \
     capability kernel_log io_uring"
      .split(/\s+/)
      .map((name) => [name, [EPERM]]),
  ),
  clone3: [ENOSYS],
  netlink: [EAFNOSUPPORT],
  packet: [EAFNOSUPPORT],
  alg: [EAFNOSUPPORT],
  vsock: [EAFNOSUPPORT],
  init_memory: [EACCES, ENOENT],
  init_files: [EACCES, ENOENT],
  cgroup_write: [ENOENT],
  foreign_address: [ENETUNREACH],
};

/** What the fixture printed: the errno of each attempt, 0 for one that worked. */
export function attackOutcomes(out: string): Record<string, number> {
  const lines = out.trim().split("\n");
  return Object.fromEntries(
    lines.map((line) => line.split(" ")).map(([name, number]) => [name, Number(number)]),
  );
}
