import type { Host } from "../host.ts";
import type { Enrolment, Identity } from "../identity.ts";
import { agentLimits } from "../limits.ts";
import { credentialTimes } from "../mesh/credential.ts";
import { type Check, failed, noted, passed } from "./check.ts";

/** Keys lie in there: it must be the agent's own, and closed to everyone else. */
export function dataFolder(host: Host, directory: string): Check {
  const name = "data";
  try {
    return judgeFolder(host, directory);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return failed(name, reason, "Ask as the agent's user, or as root.");
  }
}

function judgeFolder(host: Host, directory: string): Check {
  const name = "data";
  const folder = host.files.inspect(directory);
  if (folder === null) {
    return noted(name, `${directory} is not there`, "`cohort-agent join` makes it.");
  }
  if (folder.user !== host.info.user) {
    const remedy = `Ask as its user, or: chown -R ${host.info.user} ${directory}`;
    return failed(name, `${directory} is user ${folder.user}'s, not ${host.info.user}'s`, remedy);
  }
  if ((folder.mode & 0o022) !== 0) {
    return failed(name, `others can write to ${directory}`, `chmod 700 ${directory}`);
  }
  const identity = `${directory}/identity.json`;
  const keys = host.files.inspect(identity);
  if (keys !== null && (keys.mode & 0o077) !== 0) {
    const remedy = `chmod 600 ${identity}; if others may have read it, let the node join anew.`;
    return failed(name, `others can read ${identity}`, remedy);
  }
  return passed(name, directory);
}

/** Results that cannot be written are not taken on. */
export function diskSpace(host: Host, directory: string): Check {
  const name = "disk";
  try {
    const { freeBytes } = host.files.space(existing(host, directory));
    const detail = `${Math.floor(freeBytes / 1e6)} MB free`;
    if (freeBytes >= agentLimits.diskFreeBytesMin) return passed(name, detail);
    const least = agentLimits.diskFreeBytesMin / 1024 ** 2;
    return failed(name, detail, `Free at least ${least} MiB below ${directory}.`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return failed(name, reason, "Give the agent a folder on a disk that it can use.");
  }
}

function existing(host: Host, path: string): string {
  for (let at = path; at.includes("/"); at = at.slice(0, at.lastIndexOf("/"))) {
    if (host.files.inspect(at) !== null) return at;
  }
  return "/";
}

/** `identity` is undefined when it is there and cannot be read. */
export function enrolment(directory: string, identity: Identity | null | undefined): Check {
  const name = "enrolment";
  const join = "Run the line that `cohort node invite` prints.";
  if (identity === undefined) {
    const remedy = "Ask as the agent's user; if the file is damaged, let the node join anew.";
    return failed(name, `${directory}/identity.json cannot be read`, remedy);
  }
  if (identity === null) return failed(name, "this machine has not joined a mesh", join);
  if (identity.enrolment === null) {
    return failed(name, "this machine has its keys, and was never answered", join);
  }
  return passed(name, `node ${identity.enrolment.node}`);
}

/** A certificate is judged by this machine's clock; it must not be before what it was given since. */
export function clock(host: Host, enrolled: Enrolment | null): Check {
  const name = "clock";
  const nowMs = host.now();
  const detail = new Date(nowMs).toISOString();
  const issuedMs = enrolled === null ? null : credentialTimes(enrolled.userJwt).issuedMs;
  const leastMs = Math.max(issuedMs ?? 0, agentLimits.clockMsMin) - agentLimits.clockSkewMsMax;
  if (nowMs >= leastMs) return passed(name, detail);
  return failed(
    name,
    `${detail}, which is before ${new Date(leastMs).toISOString()}`,
    "Set the clock: systemd-timesyncd, chrony, or `date -s`; keep it over restarts with a battery.",
  );
}

/** The node asks for the next one by itself, if it is connected in time. */
export function credential(host: Host, enrolled: Enrolment): Check {
  const name = "credential";
  const { expiresMs } = credentialTimes(enrolled.userJwt);
  if (expiresMs === 0) return passed(name, "does not expire");
  const at = new Date(expiresMs).toISOString();
  if (expiresMs > host.now()) return passed(name, `until ${at}, renewed before`);
  return failed(
    name,
    `expired ${at}`,
    "Let an operator invite the node anew: `cohort node invite`.",
  );
}
