import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestMesh } from "../kit/mesh.ts";
import { processesWith } from "../kit/processes.ts";
import { applySteps, runSteps, stepRunOf } from "../kit/step-runs.ts";

describe("a step's sandbox on a compiled agent", () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await TestMesh.start();
    await mesh.startAgents({ "board-01": {} });
  });

  afterAll(async () => {
    await mesh?.stop();
  });

  it("ends with the step's time, and everything that the step started with it", async () => {
    const steps = `
  - { id: children, timeout: 2s, run: "sleep 7771 & setsid sleep 7772 & sleep 7773" }
  - { id: loop, timeout: 300ms, script: "export default () => { for (;;); }" }
`;
    const id = await mesh.run(await applySteps(mesh, steps));
    await mesh.until(async () => processesWith("sleep\x00777").length === 3);
    const { instance } = stepRunOf(mesh, await mesh.ended(id));
    for (const step of ["children", "loop"]) {
      expect(instance(step)).toMatchObject({ state: "failed", code: "STEP_TIMEOUT", attempt: 1 });
    }
    expect(processesWith("sleep\x00777")).toEqual([]);
  });

  it("ends when the step wants more memory or more time of the processor than it may", async () => {
    const { instance } = await runSteps(
      mesh,
      `
  - id: memory
    limits: { memory: 16MiB }
    run: "exec tail /dev/zero"
  - id: cpu
    limits: { cpu: 1s }
    run: "while :; do :; done"
`,
    );
    expect(instance("memory")).toMatchObject({ state: "failed", code: "STEP_MEMORY" });
    expect(instance("cpu")).toMatchObject({ state: "failed", code: "STEP_CPU" });
  });

  it("shows neither the machine's accounts nor the agent's identity nor other processes", async () => {
    const identity = join(mesh.home, "nodes/board-01/identity.json");
    expect(existsSync(identity)).toBe(true);
    const { output, log } = await runSteps(
      mesh,
      `
  - id: look
    env: { IDENTITY: "${identity}", MESH: "${mesh.home}" }
    run: |
      for path in /etc/shadow /etc/passwd "$IDENTITY" "$MESH" /root /home /proc/1/environ; do
        if cat "$path" >/dev/null 2>&1 || ls "$path"/* >/dev/null 2>&1; then echo "$path"; fi
      done
      find / -xdev -name identity.json 2>/dev/null || true
  - id: count
    script: "export default () => 1"
  - id: processes
    run: 'ls -d /proc/[0-9]* | wc -l > "$COHORT_OUTPUT"'
`,
    );
    expect(await log("look")).toBe("");
    expect(output("processes")).toBeLessThan(10);
  });

  it("has no network but its own loopback", async () => {
    const { instance } = await runSteps(
      mesh,
      `
  - { id: nats, shell: bash, run: "exec 3<>/dev/tcp/127.0.0.1/${mesh.ports.nats}" }
  - { id: outside, shell: bash, timeout: 5s, run: "exec 3<>/dev/tcp/192.0.2.1/443" }
`,
    );
    expect(instance("nats").message).toContain("Connection refused");
    expect(instance("outside").message).toContain("Network is unreachable");
  });
});
