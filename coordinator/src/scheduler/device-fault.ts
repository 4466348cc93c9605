import type { EnrolledNode } from "../fleet/fleet.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import type { DeviceNeed } from "../workflow/device-needs.ts";
import type { Run } from "./runs.ts";

/** Why a step may not have what it was granted on a node. */
export interface DeviceFault {
  readonly on: "grants.devices" | "node grant" | "approval";
  readonly wanted: string;
  readonly has: string;
}

/**
 * Both grants are needed, the step's and the node's; and a person's word, where the node's grant
 * demands it. Null when all is well.
 */
export function deviceFault(
  node: EnrolledNode,
  step: CompiledStep,
  run: Pick<Run, "steps">,
): DeviceFault | null {
  for (const need of step.devices) {
    const fault = faultOf(node, step, run, need);
    if (fault !== null) return fault;
  }
  return null;
}

/**
 * Whether a person said yes to the run before the step: in this run, and not in one that it retries,
 * for what was allowed an hour ago may not be so any more.
 */
export function isApproved({ approvals }: CompiledStep, { steps }: Pick<Run, "steps">): boolean {
  return (approvals ?? []).some((id) => {
    const step = steps.get(id);
    return step?.state === "succeeded" && !step.taken;
  });
}

function faultOf(
  { facts, devices }: EnrolledNode,
  step: CompiledStep,
  run: Pick<Run, "steps">,
  { device, actuates }: DeviceNeed,
): DeviceFault | null {
  if (!facts.devices.includes(device)) {
    const has = facts.devices.join(", ") || "none";
    return { on: "grants.devices", wanted: device, has };
  }
  const grant = devices.get(device);
  if (grant === undefined || (actuates && !grant.actuates)) {
    const wanted = `${device} to ${actuates ? "actuate" : "read"}`;
    return { on: "node grant", wanted, has: grant === undefined ? "no grant" : "a grant to read" };
  }
  if (actuates && grant.requireApproval && !isApproved(step, run)) {
    const has = "its grant requires a yes from an `approve` step before, in the same run";
    return { on: "approval", wanted: `${device} to actuate`, has };
  }
  return null;
}
