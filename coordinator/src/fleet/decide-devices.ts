import { canActuate, deviceAccesses, devicePattern } from "@cohort/proto/devices";
import type { DeviceGrant } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { type Decision, nothing } from "../state/decision.ts";
import { suggest } from "../workflow/nearest.ts";
import { enrolledNode } from "./decide-cordon.ts";
import type { FleetState } from "./fleet.ts";

export interface GrantRequest {
  readonly node: string;
  readonly grant: DeviceGrant | undefined;
  readonly requireApproval: boolean;
  readonly actor: string;
}

/**
 * What steps may do with a device of a node; takes the place of a grant before. The value tells
 * whether anything changes. Throws NODE_UNKNOWN, DEVICE_UNKNOWN, USAGE.
 */
export function decideGrant(
  fleet: FleetState,
  { node: name, grant, requireApproval, actor }: GrantRequest,
): Decision<boolean> {
  const node = enrolledNode(fleet, name);
  if (grant === undefined) throw refuse("USAGE", "the request names no device");
  const { device, access } = grant;
  if (!devicePattern.test(device) || !node.facts.devices.includes(device)) {
    throw refuse(
      "DEVICE_UNKNOWN",
      `${name} has no device ${JSON.stringify(device.slice(0, 100))}`,
      {
        hint: suggest(device, node.facts.devices),
      },
    );
  }
  checkGrant(grant, requireApproval);
  const lines = [...new Set(grant.lines)].sort((a, b) => a - b);
  const before = node.devices.get(device);
  const keeps =
    before !== undefined &&
    before.actuates === (access === "actuate") &&
    before.requireApproval === requireApproval &&
    before.lines.join() === lines.join();
  if (keeps) return nothing(false);
  const value = { actor, node: name, grant: { device, access, lines }, requireApproval };
  return { events: [{ $case: "nodeDeviceGranted", value }], value: true };
}

/** Takes a grant back. Throws NODE_UNKNOWN, DEVICE_UNKNOWN. */
export function decideUngrant(
  fleet: FleetState,
  { node: name, device, actor }: { node: string; device: string; actor: string },
): Decision<boolean> {
  const { devices, facts } = enrolledNode(fleet, name);
  if (!devices.has(device)) {
    if (facts.devices.includes(device)) return nothing(false);
    throw refuse(
      "DEVICE_UNKNOWN",
      `${name} has no device ${JSON.stringify(device.slice(0, 100))}`,
      {
        hint: suggest(device, [...devices.keys()]),
      },
    );
  }
  const value = { actor, node: name, device };
  return { events: [{ $case: "nodeDeviceUngranted", value }], value: true };
}

function checkGrant({ device, access, lines }: DeviceGrant, requireApproval: boolean): void {
  const actuates = access === "actuate";
  if (!deviceAccesses.some((it) => it === access)) {
    throw refuse("USAGE", `a device is granted to ${deviceAccesses.join(" or to ")}`);
  }
  if (actuates && !canActuate(device)) {
    throw refuse("USAGE", `${device} is a sensor, which can only be read`);
  }
  if (requireApproval && !actuates) {
    throw refuse("USAGE", "only what is granted to actuate can be made to require an approval");
  }
  if (lines.length > 0 && !device.startsWith("gpio:")) {
    throw refuse("USAGE", `${device} has no lines; only GPIO chips have`);
  }
  if (lines.length > limits.gpioLinesMax || lines.some((line) => line > limits.gpioLineMax)) {
    const message = `a grant names up to ${limits.gpioLinesMax} lines, of 0 to ${limits.gpioLineMax}`;
    throw refuse("USAGE", message);
  }
}
