import type { NodeDevice } from "@cohort/proto/gen/cohort/console";
import { refuse } from "@cohort/proto/problem";
import type { Session } from "../session.ts";

export interface GrantOptions {
  readonly access: string;
  /** Numbers with commas between them. */
  readonly lines?: string;
  readonly requireApproval: boolean;
}

/** Lets steps that are granted the device themselves use it on the node. */
export async function grantDevice(
  session: Session,
  node: string,
  device: string,
  { access, lines: given, requireApproval }: GrantOptions,
): Promise<number> {
  const lines = given === undefined ? [] : parseLines(given);
  const console = await session.console();
  const request = { node, grant: { device, access, lines }, requireApproval };
  const { changed } = await console.call(console.nodes, console.nodes.grantDevice, request);
  const approval = requireApproval ? ", after an approval" : "";
  session.output.result({ node, device, changed }, () =>
    changed
      ? `steps may ${access} ${device} on ${node}${approval}`
      : `${device} was granted so on ${node} already`,
  );
  return 0;
}

/** What already runs keeps the device until it ends. */
export async function ungrantDevice(
  session: Session,
  node: string,
  device: string,
): Promise<number> {
  const console = await session.console();
  const request = { node, device };
  const { changed } = await console.call(console.nodes, console.nodes.ungrantDevice, request);
  session.output.result({ node, device, changed }, () =>
    changed
      ? `no further step may use ${device} on ${node}`
      : `${device} was not granted on ${node}`,
  );
  return 0;
}

/** As "gpio:gpiochip0 actuate, lines 3 4, after an approval". */
export function describeGrant({ grant, requireApproval }: NodeDevice): string {
  const { device = "", access = "", lines = [] } = grant ?? {};
  const only = lines.length === 0 ? "" : `, lines ${lines.join(" ")}`;
  return `${device} ${access}${only}${requireApproval ? ", after an approval" : ""}`;
}

function parseLines(text: string): number[] {
  if (/^\d{1,4}(,\d{1,4})*$/.test(text)) return text.split(",").map(Number);
  throw refuse("USAGE", `${text} is no list of lines`, { hint: "Give numbers, as --lines 3,4." });
}
