import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { repository } from "@cohort/deploy/setup/paths.mjs";
import { errors } from "@cohort/proto/errors";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestMesh } from "../kit/mesh.ts";

const lines = 400;
const workflow = `kind: workflow
name: talk
steps:
  - id: talk
    run: |
      for n in $(seq 1 ${lines}); do echo "line $n"; sleep 0.03; done
---
kind: workflow
name: say
steps:
  - { id: say, run: "echo pressure 97" }
`;

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await TestMesh.start();
  await mesh.apply([{ path: "talk.yaml", text: workflow }]);
  await mesh.startAgents({ "press-01": {} });
});
afterAll(() => mesh?.stop());

/** `cohort logs -f`, and what it has printed so far. */
function follow(run: string) {
  const program = join(repository, "gateway/dist/cohort.mjs");
  const argv = [program, "--context", mesh.context, "logs", "-f", run];
  const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "pipe"] });
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said.stderr += text;
  });
  return { said, ended: once(child, "close").then(([code]) => code as number) };
}

describe("cohort logs -f", () => {
  it("goes on after the coordinator was killed, twice, without a byte lost or repeated", async () => {
    const run = await mesh.run("talk");
    const { said, ended } = follow(run);
    const coordinator = mesh.program("coordinator");
    for (const after of ["line 20\n", "line 150\n"]) {
      await mesh.until(async () => said.stdout.includes(after));
      await coordinator.kill("SIGKILL");
      await coordinator.start();
    }
    expect(await ended).toBe(0);
    const expected = Array.from({ length: lines }, (_, at) => `talk[0] press-01 | line ${at + 1}`);
    expect(said.stdout.trim().split("\n")).toEqual(expected);
    expect(said.stderr).toContain("the coordinator is away; waiting for it");
    expect((await mesh.ended(run)).state).toBe("succeeded");
    // What came before a restart is in the sum that the ledger has, too.
    const verified = await mesh.cohort("logs", "--verify", run);
    expect([verified.exit, verified.stdout]).toEqual([0, expect.stringContaining("as recorded")]);
  });
});

describe("cohort logs --verify", () => {
  const outputs = async (run: string) => {
    const { exit, stdout } = await mesh.cohort("logs", "--verify", run, "-o", "json");
    return { exit, ...(JSON.parse(stdout) as { ok: boolean; outputs: unknown[] }) };
  };

  it("finds what was changed of the output beside the ledger, and nothing where nothing was", async () => {
    const { run } = await mesh.ended(await mesh.run("say"));
    const said = { step: "say", instance: 0, attempt: 1, bytes: 12, missing: 0 };
    expect(await outputs(run)).toEqual({
      ...{ exit: 0, run, ok: true },
      outputs: [{ ...said, state: "as recorded" }],
    });
    const coordinator = mesh.program("coordinator");
    await coordinator.kill("SIGTERM");
    const database = new Database(join(mesh.home, "coordinator/cohort.db"));
    database
      .prepare("UPDATE step_logs SET data = ? WHERE run = ?")
      .run(Buffer.from("pressure ok\n"), run);
    database.close();
    await coordinator.start();
    await mesh.until(async () => (await mesh.getRun(run)).run === run);
    expect(await outputs(run)).toMatchObject({
      ...{ exit: errors.LEDGER_INVALID.exit, ok: false },
      outputs: [{ ...said, state: "differs" }],
    });
  });
});
