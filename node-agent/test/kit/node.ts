import { Dispatch } from "@cohort/proto/gen/cohort/node";
import { nodeDevices } from "../../node/devices.ts";
import { createNodeHost } from "../../node/host.ts";
import { pretendedSandbox, type StepPlay } from "../../node/sandbox.ts";
import { runAgent } from "../../src/agent.ts";
import type { Devices, Host } from "../../src/host.ts";
import { createIdentity, deriveKeys, type Keys, saveIdentity } from "../../src/identity.ts";
import { FakeMesh } from "./fake-mesh.ts";
import { MemoryDisk } from "./memory-files.ts";

/** A host whose steps are functions and whose disk is memory. */
export async function testHost(
  play: StepPlay,
  disk = new MemoryDisk(),
  devices: Devices = nodeDevices,
): Promise<Host> {
  const sandbox = pretendedSandbox(play);
  const host = await createNodeHost({ sandbox, devices, environment: {} });
  return { ...host, files: disk, writeError: () => {} };
}

export interface TestNode {
  readonly mesh: FakeMesh;
  readonly keys: Keys;
  readonly disk: MemoryDisk;
  /** Waits until the check holds. */
  until(check: () => boolean): Promise<void>;
  /** Why it ended. */
  readonly ended: Promise<"stopped" | "restart">;
  stop(): Promise<void>;
}

/** An enrolled agent that runs against a mesh in memory; its disk may come from an earlier life. */
export async function startNode(
  play: StepPlay,
  options: {
    readonly disk?: MemoryDisk;
    readonly slots?: number;
    readonly mesh?: FakeMesh;
    readonly devices?: Devices;
    readonly deviceRoot?: string;
    /** Parts of the host that are to be others. */
    readonly host?: Partial<Host>;
  } = {},
): Promise<TestNode> {
  const disk = options.disk ?? new MemoryDisk();
  const host = { ...(await testHost(play, disk, options.devices)), ...options.host };
  const mesh = options.mesh ?? new FakeMesh(host);
  const identity = createIdentity(host);
  const enrolment = {
    node: mesh.node,
    userJwt: "jwt",
    rootCa: "pem",
    coordinatorKey: mesh.keys.publicKey,
    servers: ["a:1"],
  };
  saveIdentity(host, "/data", { ...identity, enrolment });
  const stopping = new AbortController();
  const { slots, deviceRoot } = options;
  const running = runAgent(
    host,
    {
      ...{ dataDirectory: "/data", connect: mesh.connect },
      ...(slots === undefined ? {} : { slots }),
      ...(deviceRoot === undefined ? {} : { deviceRoot }),
    },
    stopping.signal,
  );
  const node: TestNode = {
    mesh,
    disk,
    keys: deriveKeys(host, identity.seeds),
    until: async (check) => {
      while (!check()) await new Promise((resolve) => setTimeout(resolve, 2));
    },
    ended: running,
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
  await node.until(() => mesh.hellos.length > 0);
  return node;
}

/** A dispatch of a shell step, or what `rest` makes of it. */
export function dispatchOf(run: string, rest: Partial<Dispatch> = {}): Dispatch {
  return Dispatch.fromPartial({
    attempt: { run, step: "step", instance: 0, attempt: 1 },
    workflow: "test",
    work: { $case: "run", value: { shell: "sh", script: "true" } },
    timeoutMs: 10_000,
    ...rest,
  });
}
