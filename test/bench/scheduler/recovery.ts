import { TestMesh } from "../../kit/mesh.ts";
import { usageOf } from "./processes.ts";
import { wideWorkflow } from "./workflows.ts";

const steps = 10_000;
const runs = 10;

export interface Recovery {
  readonly applyMs: number;
  readonly residentMb: number;
  readonly recoveryMs: number;
}

/** A mesh without nodes, so that all steps wait; the coordinator is killed and comes back. */
export async function measureRecovery(): Promise<Recovery> {
  const mesh = await TestMesh.start();
  try {
    const beganMs = performance.now();
    await mesh.apply([{ path: "wide.yaml", text: wideWorkflow("wide", steps) }]);
    const applyMs = performance.now() - beganMs;
    for (let run = 0; run < runs; run++) await mesh.run("wide");
    const coordinator = mesh.program("coordinator");
    const { residentMb } = usageOf(coordinator.pid);
    await coordinator.kill("SIGKILL");
    const killedMs = performance.now();
    await coordinator.start();
    return { applyMs, residentMb, recoveryMs: performance.now() - killedMs };
  } finally {
    await mesh.stop();
  }
}
