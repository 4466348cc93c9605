import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { repository } from "@cohort/deploy/setup/paths.mjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestMesh } from "../kit/mesh.ts";

const lines = 400;
const workflow = `kind: workflow
name: talk
steps:
  - id: talk
    run: |
      for n in $(seq 1 ${lines}); do echo "line $n"; sleep 0.03; done
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
  });
});
