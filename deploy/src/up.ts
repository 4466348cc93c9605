import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { paths as pathsOf } from "../setup/paths.mjs";
import { startMesh } from "./mesh/mesh.ts";
import { type Ports, requestedPorts } from "./mesh/ports.ts";

export interface UpOptions {
  /** Folder of the mesh's state; COHORT_HOME or `.cohort` in the checkout when absent. */
  readonly home?: string;
  /** Ports other than the usual, or those of the COHORT_*_PORT variables; 0 for any that is free. */
  readonly ports?: Partial<Ports>;
  /** Progress and what happens to the children, one line each. */
  readonly report: (line: string) => void;
  /** Aborted to stop. */
  readonly signal: AbortSignal;
}

/**
 * `cohort up`: runs nats-server, the coordinator and the gateway until the signal, restarting what
 * ends by itself, then stops them in order. Resolves with the exit status. Throws CohortError with
 * SETUP_FAILED, and SetupError when nats-server is not to be had.
 */
export async function up({ home, ports = {}, report, signal }: UpOptions): Promise<number> {
  const paths = pathsOf({ home });
  mkdirSync(paths.home, { recursive: true, mode: 0o700 });
  const mesh = await startMesh({
    paths,
    ports: { ...requestedPorts(process.env), ...ports },
    report,
    signal,
  });
  try {
    await mesh.startGateway();
    const { console: port, mqtt, webhooks } = mesh.ports;
    report(`console at localhost:${port}, MQTT at 127.0.0.1:${mqtt}`);
    report(`webhooks at http://127.0.0.1:${webhooks}`);
    if (!signal.aborted) await once(signal, "abort");
  } finally {
    report("stopping");
    await mesh.stop();
  }
  return 0;
}
