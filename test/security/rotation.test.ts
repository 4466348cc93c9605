import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ledgerEntries } from "../kit/ledger-entries.ts";
import { TestMesh } from "../kit/mesh.ts";

let mesh: TestMesh;

const workflow = `kind: workflow
name: touch
steps: [{ id: touch, run: echo touched }]
`;

beforeAll(async () => {
  mesh = await TestMesh.start();
  await mesh.startAgents({ "press-01": {} });
  await mesh.apply([{ path: "touch.yaml", text: workflow }]);
});
afterAll(() => mesh?.stop());

async function cases(): Promise<string[]> {
  return (await ledgerEntries(mesh)).flatMap(({ event }) =>
    event !== undefined && "node" in event.value && event.value.node === "press-01"
      ? [event.$case]
      : [],
  );
}

function seeds(): { signSeed: string } {
  return JSON.parse(readFileSync(join(mesh.home, "nodes/press-01/identity.json"), "utf8"));
}

describe("a node's keys", () => {
  it("are replaced on the board when an operator asks, and the node stays of service", async () => {
    const before = seeds().signSeed;
    expect((await mesh.cohort("node", "rotate", "press-01")).exit).toBe(0);
    await mesh.until(async () => (await cases()).includes("nodeKeysConfirmed"));
    expect((await cases()).filter((it) => /Keys|Rotation/.test(it))).toEqual([
      "nodeRotationAsked",
      "nodeKeysRotated",
      "nodeKeysConfirmed",
    ]);
    expect(seeds().signSeed).not.toBe(before);
    expect(await mesh.ended(await mesh.run("touch"))).toMatchObject({ state: "succeeded" });
    const again = await mesh.cohort("node", "rotate", "press-01");
    expect([again.exit, again.stderr]).toEqual([4, expect.stringContaining("NODE_KEYS_ROTATING")]);
  });

  it("are good for the board that is killed and started again", async () => {
    await mesh.program("press-01").kill("SIGKILL");
    await mesh.program("press-01").start();
    expect(await mesh.ended(await mesh.run("touch"))).toMatchObject({ state: "succeeded" });
  });
});
