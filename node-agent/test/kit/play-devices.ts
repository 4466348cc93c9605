import type { DeviceGrant, NodeEvent } from "@cohort/proto/gen/cohort/node";
import { onTestFinished } from "vitest";
import { PretendedDevices } from "../../node/pretended-devices.ts";
import type { PretendedStep } from "../../node/sandbox.ts";
import { MemoryDisk } from "./memory-files.ts";
import { dispatchOf, startNode, type TestNode } from "./node.ts";

/** The attempt that `playDevices` runs. */
export const key = { run: "r1", step: "step", instance: 0, attempt: 1 };

export const actuate = (device: string, lines: number[] = []): DeviceGrant => ({
  device,
  access: "actuate",
  lines,
});

export const read = (device: string): DeviceGrant => ({ device, access: "read", lines: [] });

export interface Played {
  readonly node: TestNode;
  readonly devices: PretendedDevices;
  readonly events: NodeEvent[];
}

/** Runs a step with these grants on a node of its own, which stops with the test, once the step has ended. */
export async function playDevices(
  grants: DeviceGrant[],
  act: (step: PretendedStep, devices: PretendedDevices, node: TestNode) => Promise<void>,
  disk = new MemoryDisk(),
): Promise<Played> {
  const devices = new PretendedDevices([
    ..."gpiochip0 gpiochip1 i2c-1 spidev0.0 ttyUSB0".split(" ").map((it) => `/dev/${it}`),
  ]);
  let failed: unknown;
  const node: TestNode = await startNode(
    async (step) => {
      await act(step, devices, node).catch((error) => {
        failed = error;
      });
      return undefined;
    },
    { devices, disk },
  );
  onTestFinished(() => node.stop());
  await node.mesh.dispatch(dispatchOf("r1", { devices: grants }));
  await node.until(() => node.mesh.finished(key) !== undefined);
  if (failed !== undefined) throw failed;
  return { node, devices, events: node.mesh.events };
}

export const actuations = (events: readonly NodeEvent[]) =>
  events.flatMap(({ event }) => (event?.$case === "actuated" ? [event.value] : []));
