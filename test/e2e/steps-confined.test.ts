import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ledgerEntries } from "../kit/ledger-entries.ts";
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
    expect(instance("memory")).toMatchObject({ code: "STEP_MEMORY", killed: "memory" });
    expect(instance("cpu")).toMatchObject({ code: "STEP_CPU", killed: "cpu" });
    expect(instance("cpu").usage?.cpuMs).toBeGreaterThanOrEqual(1000);
  });

  it("names each limit that a step met, in its result and in the ledger", async () => {
    const id = await mesh.run(
      await applySteps(
        mesh,
        `
  - { id: disk, limits: { disk: 1MiB }, run: "cat /dev/zero > big" }
  - { id: pids, limits: { pids: 8 }, run: "for i in 1 2 3 4 5 6 7 8 9; do sleep 9 & done; wait" }
  - { id: timeout, timeout: 1s, run: "sleep 60" }
  - id: output
    limits: { output: 100B }
    run: 'printf "\\"%0200d\\"" 0 > "$COHORT_OUTPUT"'
  - { id: own, run: "exit 9" }
`,
      ),
    );
    const { instance } = stepRunOf(mesh, await mesh.ended(id));
    const limits = ["disk", "pids", "timeout", "output"];
    for (const limit of limits) {
      expect(instance(limit), limit).toMatchObject({ state: "failed", killed: limit });
      expect(instance(limit).usage?.wallMs, limit).toBeGreaterThan(0);
    }
    expect(instance("own")).toMatchObject({ code: "STEP_EXIT", killed: "" });
    const shown = await mesh.cohort("status", id, "-o", "json");
    const { steps } = JSON.parse(shown.stdout) as {
      steps: { step: string; instances: { killed: string | null }[] }[];
    };
    const killed = Object.fromEntries(steps.map((it) => [it.step, it.instances[0]?.killed]));
    expect(killed).toEqual({ ...Object.fromEntries(limits.map((it) => [it, it])), own: null });
    const recorded = (await ledgerEntries(mesh)).flatMap(({ event }) =>
      event?.$case === "attemptEnded" && event.value.attempt?.run === id
        ? [[event.value.attempt.step, event.value.result?.killed ?? null]]
        : [],
    );
    expect(Object.fromEntries(recorded)).toEqual(killed);
  });

  it("is not had by a step that wants more than the node's kernel gives", async () => {
    const level = (await mesh.client.call(mesh.client.nodes, mesh.client.nodes.list, {})).nodes[0]
      ?.facts?.isolation;
    const id = await mesh.run(
      await applySteps(mesh, '  - { id: strict, requires: { isolation: strict }, run: "true" }'),
    );
    if (level === "strict") {
      expect((await mesh.ended(id)).state).toBe("succeeded");
      return;
    }
    await mesh.until(async () => {
      const step = (await mesh.getRun(id)).steps[0];
      return step?.instances[0]?.state === "queued";
    });
    expect((await mesh.getRun(id)).steps[0]?.instances[0]?.node).toBe("");
    await mesh.cohort("cancel", id);
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
