import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readLedger } from "../kit/history.ts";
import { TestMesh } from "../kit/mesh.ts";

const workflow = `kind: workflow
name: long
inputs:
  seconds: { type: number }
steps:
  - id: slow
    env: { SECONDS_LONG: "\${{ inputs.seconds }}" }
    run: |
      echo "begun on $COHORT_NODE"
      sleep "$SECONDS_LONG" &
      wait
`;

describe("cohort node drain", () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await TestMesh.start();
    await mesh.startAgents({ "board-01": {} });
    await mesh.apply([{ path: "long.yaml", text: workflow }]);
  });

  afterAll(async () => {
    await mesh?.stop();
  });

  const nodeOf = async (run: string) => (await mesh.getRun(run)).steps[0]?.instances[0]?.node;
  const begun = (run: string) =>
    mesh.until(async () => (await mesh.cohort("logs", run)).stdout.includes("begun"));

  it("moves what outlasts the deadline to another board, and gives the board nothing", async () => {
    const run = await mesh.run("long", { seconds: 300 });
    await begun(run);
    await mesh.startAgents({ "board-02": {} });
    const { exit, stdout } = await mesh.cohort(
      ...["node", "drain", "board-01", "--deadline", "1s", "--reason", "fan"],
    );
    expect([exit, stdout]).toEqual([0, "board-01 is drained: nothing runs there\n"]);
    await mesh.until(async () => (await nodeOf(run)) === "board-02");
    expect((await mesh.cohort("nodes")).stdout).toMatch(/board-01 .*drained: fan/);
    await mesh.cohort("cancel", run);
    await mesh.ended(run);
  });

  it("stands when the coordinator comes back; uncordon gives the board work again", async () => {
    await mesh.program("coordinator").kill("SIGKILL");
    await mesh.program("coordinator").start();
    const run = await mesh.run("long", { seconds: 0 });
    await mesh.ended(run);
    expect(await nodeOf(run)).toBe("board-02");
    expect((await mesh.cohort("node", "uncordon", "board-01")).exit).toBe(0);
    expect((await mesh.cohort("node", "cordon", "board-02")).exit).toBe(0);
    const next = await mesh.run("long", { seconds: 0 });
    expect((await mesh.ended(next)).state).toBe("succeeded");
    expect(await nodeOf(next)).toBe("board-01");
  });

  it("is what explain names where a step waits for the board", async () => {
    expect((await mesh.cohort("node", "cordon", "board-01", "--reason", "belt")).exit).toBe(0);
    const run = await mesh.run("long", { seconds: 0 });
    const { exit, stdout } = await mesh.cohort("run", "explain", run, "slow");
    expect(exit).toBe(0);
    expect(stdout).toMatch(/waits for a node that fits/);
    expect(stdout).toMatch(/board-01: by operator: belt/);
    await mesh.cohort("node", "uncordon", "board-01");
    expect((await mesh.ended(run)).state).toBe("succeeded");
  });

  it("is in the ledger with who asked for it", async () => {
    const entries = await readLedger(mesh);
    const cordons = entries.flatMap(({ event }) =>
      event.$case === "nodeCordoned" ? [event.value] : [],
    );
    expect(cordons).toMatchObject([
      { node: "board-01", actor: "operator", reason: "fan" },
      { node: "board-02", actor: "operator", drainByMs: 0 },
      { node: "board-01", actor: "operator", reason: "belt" },
    ]);
  });

  it("refuses a board that is not there", async () => {
    const { exit, stderr } = await mesh.cohort("node", "drain", "board-03");
    expect(exit).toBe(4);
    expect(stderr).toContain("NODE_UNKNOWN");
  });
});
