import type { Host, SandboxProbe } from "../host.ts";

export interface Shortfall {
  readonly feature: string;
  readonly reason: string;
  readonly remedy: string;
}

/** Why this kernel gives no more, and what would change that. */
export function shortfalls(host: Host, { features }: SandboxProbe): Shortfall[] {
  return features
    .filter(({ available }) => !available)
    .map(({ name, reason }) => ({ feature: name, reason, remedy: remedyFor(host, name, reason) }));
}

function remedyFor(host: Host, feature: string, reason: string): string {
  switch (feature) {
    case "namespaces":
      return namespacesRemedy(host);
    case "mounts":
    case "processes":
      return "Use Linux 5.12 or newer.";
    case "seccomp":
      return "Use a kernel with CONFIG_SECCOMP_FILTER.";
    case "landlock":
      return "Use a kernel with CONFIG_SECURITY_LANDLOCK, and boot it with landlock in `lsm=`.";
    case "cgroup":
      return cgroupRemedy(reason);
    default:
      return "";
  }
}

/** Distributions switch them off in three ways. */
function namespacesRemedy(host: Host): string {
  const setting = (name: string) => settingOf(host, name);
  if (setting("user/max_user_namespaces") === "0") {
    return "As root: sysctl -w user.max_user_namespaces=15000";
  }
  if (host.info.user !== 0 && setting("kernel/unprivileged_userns_clone") === "0") {
    return "As root: sysctl -w kernel.unprivileged_userns_clone=1, or run the agent as root.";
  }
  if (host.info.user !== 0 && setting("kernel/apparmor_restrict_unprivileged_userns") === "1") {
    return "As root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or run the agent as root.";
  }
  return "Use a kernel with CONFIG_USER_NS; in a container, allow it to make user namespaces.";
}

function cgroupRemedy(reason: string): string {
  if (reason.startsWith("no cgroup v2")) {
    return "Boot with systemd.unified_cgroup_hierarchy=1, or mount cgroup2 at /sys/fs/cgroup.";
  }
  if (reason.startsWith("controller memory")) {
    return "Run it as a service with Delegate=yes; on a Raspberry Pi, boot with cgroup_enable=memory.";
  }
  return "Run it as a service with Delegate=yes, as deploy/systemd/cohort-agent.service does.";
}

function settingOf(host: Host, name: string): string | null {
  try {
    const bytes = host.files.read(`/proc/sys/${name}`);
    return bytes === null ? null : new TextDecoder().decode(bytes).trim();
  } catch {
    return null;
  }
}

/** How each limit of a step is held at a level, for those who ask what they get. */
export function enforcement(level: SandboxProbe["level"]): readonly (readonly [string, string])[] {
  const strict = level === "strict";
  return [
    ["memory", strict ? "cgroup memory.max, killed whole" : "watched every 100 ms, killed whole"],
    ["cpu", strict ? "cgroup cpu.stat, watched; cpu.max leaves a tenth" : "watched every 100 ms"],
    ["pids", strict ? "cgroup pids.max" : "RLIMIT_NPROC in the step's own user namespace"],
    ["disk", "size of a tmpfs behind /work and /tmp"],
    ["open files", "RLIMIT_NOFILE"],
    ["output, time", "the agent"],
  ];
}
