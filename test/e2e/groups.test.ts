import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestMesh } from "../kit/mesh.ts";

const workflow = (name: string, overflow: string) => `kind: workflow
name: ${name}
concurrency: { group: press-1, overflow: ${overflow} }
inputs: { seconds: { default: "0" } }
steps:
  - { id: work, env: { SECONDS_: "\${{ inputs.seconds }}" }, run: 'sleep "$SECONDS_"' }
`;

describe("a concurrency group of two workflows", () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await TestMesh.start();
    await mesh.startAgents({ "board-01": {} });
    const text = ["queue", "skip"].map((overflow) => workflow(overflow, overflow)).join("---\n");
    await mesh.apply([{ path: "press.yaml", text }]);
  });

  afterAll(async () => {
    await mesh?.stop();
  });

  it("keeps its order over a kill -9 of the coordinator, and tells who is not let in", async () => {
    const holder = await mesh.run("queue", { seconds: "300" });
    const [second, third] = [await mesh.run("queue"), await mesh.run("queue")];
    const skipped = await mesh.cohort("run", "skip");
    expect(skipped.stderr).toContain(`held by run ${holder}`);
    await mesh.program("coordinator").kill("SIGKILL");
    await mesh.program("coordinator").start();
    await mesh.until(async () => (await mesh.getRun(second)).state === "queued");
    expect((await mesh.cohort("runs", "--state", "queued")).stdout).toContain(third);
    expect((await mesh.cohort("cancel", third)).exit).toBe(0);
    expect(await mesh.ended(third)).toMatchObject({ state: "cancelled", startedMs: 0 });
    await mesh.cohort("cancel", holder);
    expect((await mesh.ended(second)).state).toBe("succeeded");
    expect((await mesh.ended(holder)).state).toBe("cancelled");
  });
});
