import type { Facts } from "@cohort/proto/gen/cohort/node";
import { refuse } from "@cohort/proto/problem";
import { findDevices } from "./devices.ts";
import type { Host } from "./host.ts";
import { agentLimits } from "./limits.ts";

/** What the node says of itself. */
export function nodeFacts(host: Host, slots: number): Facts {
  const { version, arch, kernel, hostname, cores, memoryBytes } = host.info;
  const isolation = host.sandbox.probe().level;
  const devices = findDevices(host.files);
  return { version, arch, kernel, hostname, cores, memoryBytes, isolation, slots, devices };
}

/** One a processor, as far as half of the memory goes round. */
export function defaultSlots(host: Host): number {
  const byMemory = Math.floor(host.info.memoryBytes / 2 / agentLimits.slotMemoryBytes);
  return Math.max(1, Math.min(host.info.cores, byMemory, agentLimits.slotsDefaultMax));
}

/** Throws ISOLATION_INSUFFICIENT when this kernel cannot confine a step. */
export function assertIsolation(host: Host): void {
  const probe = host.sandbox.probe();
  if (probe.level !== "refused") return;
  const missing = probe.features
    .filter((feature) => !feature.available)
    .map((feature) => `${feature.name} (${feature.reason})`);
  throw refuse("ISOLATION_INSUFFICIENT", `this kernel lacks ${missing.join(", ")}`, {
    hint: "Run as root, or allow user namespaces; `probe` lists what the agent looks for.",
  });
}
