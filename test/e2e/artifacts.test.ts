import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestMesh } from "../kit/mesh.ts";
import { applySteps, runSteps, stepRunOf } from "../kit/step-runs.ts";

describe("artifacts", () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await TestMesh.start();
    await mesh.startAgents({ "board-01": { hall: "north" }, "board-02": { hall: "south" } });
  });

  afterAll(async () => {
    await mesh?.stop();
  });

  const on = (hall: string) => `nodes: { select: 'node.labels.hall == "${hall}"' }`;

  it("go from a step on one node to a step on another, and to a person, byte by byte", async () => {
    const { run, log } = await runSteps(
      mesh,
      `
  - id: sample
    ${on("north")}
    run: |
      mkdir out; head -c 3000001 /dev/urandom > out/trace.bin; : > out/empty; sha256sum < out/trace.bin
    artifacts: { upload: [{ name: trace, path: out/trace.bin }, { name: empty, path: out/empty }] }
  - id: judge
    depends: [sample]
    ${on("south")}
    run: sha256sum < in/trace.bin; wc -c < in/nothing; echo "$COHORT_NODE" >&2
    artifacts:
      download:
        - { step: sample, name: trace, path: in/trace.bin }
        - { step: sample, name: empty, path: in/nothing }
`,
    );
    expect(run.reason).toBe("");
    const hash = (await log("sample")).slice(0, 64);
    expect(await log("judge")).toContain(`${hash}  -\n0\n`);
    expect(await log("judge")).toContain("board-02");

    const list = await mesh.cohort("artifact", "list", run.run, "-o", "json");
    expect(JSON.parse(list.stdout)).toMatchObject({
      artifacts: [
        { step: "sample", instance: 0, name: "empty", size: 0 },
        { step: "sample", instance: 0, name: "trace", size: 3_000_001, sha256: hash },
      ],
    });
    const file = join(mesh.home, "trace.bin");
    const got = await mesh.cohort("artifact", "get", run.run, "sample", "trace", "-O", file);
    expect(got).toMatchObject({ exit: 0 });
    expect(readFileSync(file)).toHaveLength(3_000_001);
    const none = await mesh.cohort("artifact", "get", run.run, "sample", "tracee", "-O", file);
    expect(none).toMatchObject({ exit: 4, stderr: expect.stringContaining("ARTIFACT_UNKNOWN") });
  });

  it("of several instances are told apart by their numbers", async () => {
    const { run, output } = await runSteps(
      mesh,
      `
  - id: each
    for_each: [a, b, c]
    env: { ITEM: "\${{ item }}" }
    run: 'printf %s "$ITEM" > letter'
    artifacts: { upload: [{ name: letter, path: letter }] }
  - id: all
    depends: [each]
    run: 'printf \\"%s\\" "$(cat in/0 in/1 in/2)"'
    outputs: { from: stdout }
    artifacts: { download: [{ step: each, name: letter, path: in }] }
  - id: one
    depends: [each]
    run: 'printf \\"%s\\" "$(cat letter)"'
    outputs: { from: stdout }
    artifacts: { download: [{ step: each, name: letter, instance: "\${{ inputs.which }}", path: letter }] }
`,
      "inputs: { which: { type: number, default: 1 } }",
    );
    expect(run.reason).toBe("");
    expect([output("all"), output("one")]).toEqual(["abc", "b"]);
  });

  it("that are not there, are no regular files, or do not fit, fail the step and leave nothing", async () => {
    const { run, instance } = await runSteps(
      mesh,
      `
  - { id: absent, run: "true", artifacts: { upload: [{ name: x, path: out/x }] } }
  - { id: link, run: 'ln -s /etc/ld.so.cache x', artifacts: { upload: [{ name: x, path: x }] } }
  - { id: pipe, run: 'mkfifo x', artifacts: { upload: [{ name: x, path: x }] } }
  - { id: failed, run: 'echo x > x; exit 1', artifacts: { upload: [{ name: x, path: x }] } }
  - { id: large, run: 'head -c 2000000 /dev/zero > x', artifacts: { upload: [{ name: x, path: x }] } }
  - id: small
    depends: [large]
    run: "true"
    limits: { disk: 1MB }
    artifacts: { download: [{ step: large, name: x, path: x }] }
`,
    );
    const codes = ["absent", "link", "pipe", "failed", "large", "small"].map(
      (step) => instance(step).code,
    );
    expect(codes).toEqual([
      "ARTIFACT_MISSING",
      "ARTIFACT_MISSING",
      "ARTIFACT_MISSING",
      "STEP_EXIT",
      "",
      "ARTIFACT_TOO_LARGE",
    ]);
    const list = await mesh.cohort("artifact", "list", run.run, "-o", "json");
    expect(JSON.parse(list.stdout).artifacts).toHaveLength(1);
  });

  it("are given, with the output, to a step whose key was seen before", async () => {
    const steps = `
  - id: sample
    run: date +%s%N | tee x > "$COHORT_OUTPUT"
    artifacts: { upload: [{ name: x, path: x }] }
    cache: { key: "\${{ inputs.lot }}", ttl: 1h }
  - id: judge
    depends: [sample]
    run: cat x
    outputs: { from: stdout }
    artifacts: { download: [{ step: sample, name: x, path: x }] }
`;
    const head = "inputs: { lot: {} }";
    const name = await applySteps(mesh, steps, head);
    const outputs = async (lot: string) => {
      const { run, output, instance } = stepRunOf(
        mesh,
        await mesh.ended(await mesh.run(name, { lot })),
      );
      expect(run.reason).toBe("");
      expect(output("judge")).toBe(output("sample"));
      return { run: run.run, sampled: output("sample"), from: instance("sample").cachedFrom };
    };
    const first = await outputs("a");
    expect(first.from).toBe("");
    expect(await outputs("a")).toMatchObject({ sampled: first.sampled, from: first.run });
    const other = await outputs("b");
    expect(other.from).toBe("");
    expect(other.sampled).not.toBe(first.sampled);
    const status = await mesh.cohort("status", (await outputs("b")).run);
    expect(status.stdout).toContain(`cached, from ${other.run}`);
  });

  it("outlast a coordinator and a nats-server that are killed", async () => {
    const name = "survivor";
    const text = `kind: workflow
name: ${name}
steps:
  - id: sample
    run: head -c 1000000 /dev/urandom > x; sha256sum < x
    artifacts: { upload: [{ name: x, path: x }] }
  - { id: wait, depends: [sample], sleep: 3s }
  - id: judge
    depends: [wait]
    run: sha256sum < x
    artifacts: { download: [{ step: sample, name: x, path: x }] }
`;
    await mesh.apply([{ path: "survivor.yaml", text }]);
    const run = await mesh.run(name);
    await mesh.until(async () =>
      (await mesh.cohort("artifact", "list", run)).stdout.includes("sample"),
    );
    for (const killed of ["coordinator", "nats-server"]) {
      await mesh.program(killed).kill("SIGKILL");
      await mesh.program(killed).start();
    }
    const ended = await mesh.ended(run);
    expect(ended.reason).toBe("");
    const file = join(mesh.home, "x");
    writeFileSync(file, "before");
    expect(await mesh.cohort("artifact", "get", run, "sample", "x", "-O", file)).toMatchObject({
      exit: 0,
    });
    expect(readFileSync(file)).toHaveLength(1_000_000);
  });
});
