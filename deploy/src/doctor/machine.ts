import { lookup } from "node:dns/promises";
import { existsSync, readdirSync, readFileSync, statfsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { SetupError } from "../../setup/command.mjs";
import { checkNode } from "../../setup/node-version.mjs";
import type { Paths } from "../../setup/paths.mjs";
import type { Check } from "../doctor.ts";
import { failed, passed } from "./check.ts";

/** Room for the ledger, the logs and one build of the agent. */
const freeBytesMin = 1024 ** 3;
const clockStepMsMax = 60_000;

export function nodeVersion(): Check {
  try {
    return passed("node", checkNode());
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return failed("node", error.message, error.remedy);
  }
}

/** Console, desk and nodes are all reached by this name, and only the machine's own tables know it. */
export async function localhost(): Promise<Check> {
  const name = "localhost";
  try {
    const { address } = await lookup(name);
    if (/^(?:127\.|::1$)/.test(address)) return passed(name, address);
    return failed(name, `resolves to ${address}`, "Put `127.0.0.1 localhost` into /etc/hosts.");
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return failed(name, detail, "Put `127.0.0.1 localhost` into /etc/hosts.");
  }
}

/** Steps are isolated by user namespaces; distributions switch them off in three ways. */
export function userNamespaces(system = "/proc/sys"): Check {
  const name = "user namespaces";
  const root = process.getuid?.() === 0;
  if (setting(system, "user/max_user_namespaces") === "0") {
    return failed(name, "none are allowed", "As root: sysctl -w user.max_user_namespaces=15000");
  }
  if (!root && setting(system, "kernel/unprivileged_userns_clone") === "0") {
    return failed(
      name,
      "root alone may make them",
      "As root: sysctl -w kernel.unprivileged_userns_clone=1",
    );
  }
  if (!root && setting(system, "kernel/apparmor_restrict_unprivileged_userns") === "1") {
    const remedy = "As root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
    return failed(name, "AppArmor keeps them from ordinary programs", remedy);
  }
  return passed(name, "available");
}

export function diskSpace({ home }: Paths): Check {
  const { bavail, bsize } = statfsSync(nearestFolder(home));
  const free = bavail * bsize;
  const detail = `${(free / 1e9).toFixed(1)} GB free for ${home}`;
  if (free >= freeBytesMin) return passed("disk", detail);
  return failed("disk", detail, "Free at least 1 GB, or move the state with COHORT_HOME.");
}

/** Files from the future mean that the clock was stepped back; tokens and budgets would suffer. */
export function clock({ coordinatorData }: Paths, nowMs: number = Date.now()): Check {
  const newestMs = Math.max(0, ...filesIn(coordinatorData).map((path) => statSync(path).mtimeMs));
  const aheadMs = newestMs - nowMs;
  if (aheadMs <= clockStepMsMax) return passed("clock", new Date(nowMs).toISOString());
  return failed(
    "clock",
    `the coordinator's data is ${Math.round(aheadMs / 1000)} s ahead of it`,
    "Synchronise the clock, for example with systemd-timesyncd or chrony.",
  );
}

function setting(system: string, name: string): string | null {
  const path = join(system, name);
  return existsSync(path) ? readFileSync(path, "utf8").trim() : null;
}

function nearestFolder(path: string): string {
  return existsSync(path) ? path : nearestFolder(dirname(path));
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(folder, entry.name));
}
