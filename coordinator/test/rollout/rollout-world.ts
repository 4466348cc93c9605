import type { RolloutStarted } from "@cohort/proto/gen/cohort/ledger";
import { Facts, Release, type SignedRelease } from "@cohort/proto/gen/cohort/node";
import { decideHello, decideSilence } from "../../src/fleet/decide-presence.ts";
import { decidePublished, decideTrust } from "../../src/rollout/decide-release.ts";
import { decideRollout, decideUpdateReport } from "../../src/rollout/decide-rollout.ts";
import { rolloutView } from "../../src/rollout/rollout-view.ts";
import { createWorld } from "../scheduler/world.ts";

export const key = new Uint8Array(32).fill(1);
/** Who signed stands in the signature's first byte. */
export const verify = (_message: Uint8Array, signature: Uint8Array, by: Uint8Array) =>
  signature[0] === by[0];

export function release(version: string, rest: Partial<Release> = {}): SignedRelease {
  const said = { arch: "x86_64", size: 10, sha256: new Uint8Array(32).fill(9), floor: "" };
  const payload = Release.encode({ version, ...said, ...rest }).finish();
  return { payload, signature: Uint8Array.of(1) };
}

export const asked: Omit<RolloutStarted, "rollout"> = {
  actor: "operator",
  version: "2.0.0",
  select: "",
  canary: 1,
  maxFailures: 1,
  maxConcurrent: 2,
  confirmMs: 60_000,
  whileRunning: false,
  downgrade: false,
};

const workflow = `kind: workflow
name: flow
steps:
  - { id: one, nodes: { select: 'node.name == "node-0"' }, run: "true" }
`;

/** A mesh with 2.0.0 published, and so many nodes that run 1.0.0. */
export async function rolloutWorld(size: number) {
  const world = createWorld(workflow);
  const { writer } = world;
  await world.apply();
  await writer.decide(({ rollouts }) =>
    decideTrust(rollouts, { key, signature: new Uint8Array(0) }, "operator", verify),
  );
  const publish = (signed: SignedRelease) =>
    writer.decide(({ rollouts }) => decidePublished(rollouts, signed, "operator", verify));
  await publish(release("2.0.0"));
  let rollouts = 0;
  const facts = (version: string) =>
    Facts.fromPartial({ arch: "x86_64", isolation: "standard", slots: 4, version });
  const it = {
    ...world,
    publish,
    add: (name: string, version = "1.0.0", labels: Record<string, string> = {}) =>
      world.addNode(name, labels, 4, { version }),
    begin: (request: Partial<RolloutStarted> = {}) =>
      writer.decide((state) =>
        decideRollout(state, { ...asked, rollout: `rollout${++rollouts}`, ...request }),
      ),
    /** The node comes back, with this version. */
    hello: (name: string, version: string) =>
      writer.decide(({ fleet }) => decideHello(fleet, name, facts(version))),
    leave: (name: string) =>
      writer.decide(({ fleet }) => decideSilence(fleet, new Map([[name, 0]]), 1e12)),
    fail: (name: string, rollout = `rollout${rollouts}`) =>
      writer.decide((state) =>
        decideUpdateReport(state, name, {
          rollout,
          outcome: "failed",
          code: "UPDATE_FAILED",
          message: "it hangs",
        }),
      ),
    /** States of nodes, as an operator sees them. */
    states: () =>
      Object.fromEntries(rolloutView(world.state)?.nodes.map((at) => [at.node, at.state]) ?? []),
    get rollout() {
      return rolloutView(world.state)?.state;
    },
  };
  for (let at = 0; at < size; at++) await it.add(`node-${at}`);
  return it;
}
