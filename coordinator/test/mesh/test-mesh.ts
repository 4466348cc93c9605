import { refuse } from "@cohort/proto/problem";
import { pino } from "pino";
import { issueCoordinatorCredential } from "../../src/mesh/credentials.ts";
import { connectMesh, type Mesh, type MeshHandlers } from "../../src/mesh/mesh.ts";
import type { Setup } from "../../src/setup/setup.ts";
import { instance } from "./messages.ts";

export interface TestMesh {
  readonly mesh: Mesh;
  /** Lines that the coordinator logged, parsed. */
  readonly logged: Record<string, unknown>[];
}

/** A coordinator's place on the bus; handlers that are not given refuse. */
export async function joinMesh(setup: Setup, handlers: Partial<MeshHandlers>): Promise<TestMesh> {
  const logged: Record<string, unknown>[] = [];
  const log = pino({ level: "info" }, { write: (line) => void logged.push(JSON.parse(line)) });
  const { meshAccount, coordinator } = setup.seeds;
  const mesh = await connectMesh({
    servers: [setup.localServer],
    ca: setup.ca,
    credential: await issueCoordinatorCredential(meshAccount, coordinator),
    handlers: { ...refusing, ...handlers },
    sign: (subject, payload) => new TextEncoder().encode(`${subject} ${payload.length}`),
    instanceOf: () => instance,
    log,
    now: Date.now,
  });
  return { mesh, logged };
}

const refuseAll = () => Promise.reject(refuse("FORBIDDEN", "not part of this test"));

const refusing: MeshHandlers = {
  enrol: refuseAll,
  session: refuseAll,
  hello: refuseAll,
  rotate: refuseAll,
  heartbeat: () => {},
  facts: refuseAll,
  events: refuseAll,
  renew: refuseAll,
  proxy: refuseAll,
  put: refuseAll,
  get: refuseAll,
  release: refuseAll,
  witness: refuseAll,
};
